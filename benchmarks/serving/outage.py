"""What does the service respond while PostgreSQL is down, and is anything lost?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.outage [--before 10] [--down 10] [--after 20]

One worker over a private PostgreSQL (Debian's programs, loopback), the mixed load of `soak` on
eight connections, each batch of events from a user of its own. The database is stopped and started
again while the load goes on. Measured are the responses by status in each phase, the 503s without
`Retry-After`, how long after the restart the last 503 came, and whether every acknowledged event is
exactly once in the feedback and in the change log.
"""

import argparse
import itertools
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.library.http_load import Response, closed_loop, json_request
from benchmarks.library.postgres import Postgres, private_postgres
from benchmarks.library.results import save_results
from benchmarks.library.server_process import ServerProcess
from benchmarks.serving.bundles import save_trained_bundles
from benchmarks.serving.event_counts import count_events
from benchmarks.serving.requests import EVENTS_PER_BATCH, drain_queue, mixed_requests
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=float, default=10)
    parser.add_argument("--down", type=float, default=10)
    parser.add_argument("--after", type=float, default=20)
    parser.add_argument("--items", type=int, default=2_000)
    options = parser.parse_args()
    with private_postgres() as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "bundles").mkdir()
        save_trained_bundles(folder / "bundles", options.items)
        save_results("outage", measure(folder, server, options))


def measure(folder: Path, server: Postgres, options: argparse.Namespace) -> dict[str, Any]:
    """Return what was responded in each phase, and what is in the database afterwards."""
    url = server.database("outage")
    settings = Settings(folder / "bundles", database=url, media=folder / "media")
    log = ResponseLog()
    requests = mixed_requests(options.items, batches_of_new_users())
    seconds = options.before + options.down + options.after
    with ServerProcess(partial(create_app, settings)) as service:
        outage = Outage(server, log, options.before, options.down)
        load = closed_loop(
            service.port, requests, connections=8, seconds=seconds, on_response=log.add
        )
        outage.wait()
        drain_queue(service.port)
        ready = httpx.get(f"http://127.0.0.1:{service.port}/api/health/ready", timeout=60)
        last = closed_loop(
            service.port, itertools.islice(requests, 1000), connections=8, seconds=60,
            on_response=log.add,
        )  # fmt: skip
    return {
        "seconds": {"before": options.before, "down": options.down, "after": options.after},
        "requests": len(load.latencies_ms),
        "answers by status": {phase: dict(counts) for phase, counts in log.statuses.items()},
        "refusals without Retry-After": log.without_retry_after,
        "health/live while down": dict(log.liveness),
        "slowest answer ms": round(max(load.latencies_ms), 1),
        "last refusal after the restart s": round(max(0.0, log.last_503 - outage.ended), 2),
        "ready at the end": ready.status_code,
        "failed of 1,000 requests at the end": last.failed,
        **count_events(url, log.batches, "outage"),
    }


def batches_of_new_users() -> Iterator[bytes]:
    """Yield batches of events, each from a user of its own."""
    for number in itertools.count():
        events = [
            {
                "FeedbackType": "event",
                "UserId": f"outage-{number:07d}",
                "ItemId": f"item-{item:06d}",
            }
            for item in range(EVENTS_PER_BATCH)
        ]
        yield json_request("POST", "/api/feedback", events)


class ResponseLog:
    """Counts of the responses in each phase of the outage."""

    def __init__(self) -> None:
        self.phase = "before"
        self.statuses: dict[str, Counter[str]] = {
            phase: Counter() for phase in ("before", "down", "after")
        }
        self.without_retry_after = 0
        self.liveness: Counter[str] = (
            Counter()
        )  # statuses of health/live while the database is down
        self.batches: dict[str, int] = {}  # user -> status of the batch
        self.last_503 = 0.0

    def add(self, request: bytes, response: Response) -> None:
        """Count one response."""
        self.statuses[self.phase][str(response.status)] += 1
        if response.status == 503:
            self.last_503 = time.perf_counter()
            self.without_retry_after += b"retry-after:" not in response.head.lower()
        if request.startswith(b"GET /api/health/live") and self.phase == "down":
            self.liveness[str(response.status)] += 1
        if request.startswith(b"POST /api/feedback"):
            user = json.loads(request.partition(b"\r\n\r\n")[2])[0]["UserId"]
            self.batches[user] = response.status


class Outage:
    """A thread that stops the database after a while and starts it again."""

    def __init__(self, server: Postgres, log: ResponseLog, before: float, down: float) -> None:
        self._server, self._log, self._down = server, log, down
        self.ended = 0.0
        self._thread = threading.Timer(before, self._run)
        self._thread.start()

    def _run(self) -> None:
        self._log.phase = "down"
        self._server.stop()
        time.sleep(self._down)
        self._server.start()
        self.ended = time.perf_counter()
        self._log.phase = "after"

    def wait(self) -> None:
        """Wait until the database is up again."""
        self._thread.join()
        if not self.ended:
            raise SystemExit("PostgreSQL did not start again")


if __name__ == "__main__":
    main()
