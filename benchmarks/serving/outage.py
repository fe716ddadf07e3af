"""PostgreSQL goes away for a while under load: what is answered, and is anything lost?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.outage [--before 10] [--down 10] [--after 20]

One worker over a PostgreSQL of the benchmark's own (Debian's programs, loopback), the mixed load of
`soak` on eight connections, every batch of events of a user of its own. The server is stopped by
its process id and started again; all goes on meanwhile. Told are the answers by status in each
phase, the refusals that lack `Retry-After`, how long after the restart the last refusal came, and,
when all is over, whether every acknowledged event is in the feedback and in the log once.
"""

import argparse
import itertools
import json
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import sqlalchemy as sa

from benchmarks.library.http_load import Answer, closed, request
from benchmarks.library.postgres import Postgres, binaries
from benchmarks.library.results import save_results
from benchmarks.serving import fresh_items, soak
from benchmarks.serving.throughput import Server
from polyrec.database.database import Database
from polyrec.database.tables import FEEDBACK, LOG
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

ITEMS, TOGETHER = 2_000, 10


def batches() -> Iterator[bytes]:
    """Yield batches of events, each of a user of its own."""
    for number in itertools.count():
        user = f"outage-{number:07d}"
        events = [
            {"FeedbackType": "event", "UserId": user, "ItemId": f"item-{item:06d}"}
            for item in range(TOGETHER)
        ]
        yield request("POST", "/api/feedback", json.dumps(events).encode())


class Log:
    """Writes down what was answered, in which phase."""

    def __init__(self) -> None:
        self.phase = "before"
        self.statuses = {phase: Counter() for phase in ("before", "down", "after")}
        self.unclean = 0  # refusals that don't say when to try again
        self.alive = Counter()  # answers of what needs no database, while it is away
        self.sent: dict[str, int] = {}  # user -> status of the batch
        self.last_refusal = 0.0

    def heard(self, asked: bytes, answer: Answer) -> None:
        """Take down one answer."""
        self.statuses[self.phase][str(answer.status)] += 1
        if answer.status == 503:
            self.last_refusal = time.perf_counter()
            self.unclean += b"retry-after:" not in answer.head.lower()
        if asked.startswith(b"GET /api/health/live") and self.phase == "down":
            self.alive[str(answer.status)] += 1
        if asked.startswith(b"POST /api/feedback"):
            user = json.loads(asked.partition(b"\r\n\r\n")[2])[0]["UserId"]
            self.sent[user] = answer.status


class Outage:
    """Stops the server after a while and starts it again, beside the load."""

    def __init__(self, server: Postgres, log: Log, before: float, down: float) -> None:
        self._server, self._log, self._down = server, log, down
        self.started = 0.0
        self._thread = threading.Timer(before, self._run)
        self._thread.start()

    def _run(self) -> None:
        self._log.phase = "down"
        self._server.stop()
        time.sleep(self._down)
        self._server.start()
        self.started = time.perf_counter()
        self._log.phase = "after"

    def over(self) -> None:
        """Wait until the server is there again."""
        self._thread.join()
        if not self.started:
            raise SystemExit("PostgreSQL did not start again")


def check(url: str, sent: dict[str, int]) -> dict[str, int]:
    """Return how many acknowledged events are lost or doubled, and what of the refused is there."""
    database = Database.open(url)
    with database.read() as connection:
        found = {
            name: Counter(connection.scalars(sa.select(table.c.user_id).where(*where)))
            for name, table, where in (
                ("feedback", FEEDBACK, (FEEDBACK.c.user_id.like("outage-%"),)),
                ("log", LOG, (LOG.c.user_id.like("outage-%"), LOG.c.action == "feedback")),
            )
        }
    database.close()
    kept = [user for user, status in sent.items() if status == 200]
    refused = [user for user, status in sent.items() if status != 200]
    return {
        "acknowledged events": TOGETHER * len(kept),
        "lost": sum(max(0, TOGETHER - found[n][user]) for n in found for user in kept),
        "doubled": sum(max(0, found[n][user] - TOGETHER) for n in found for user in sent),
        "refused batches": len(refused),
        "refused batches that are there all the same": sum(
            found["feedback"][user] > 0 for user in refused
        ),
    }


def measure(folder: Path, server: Postgres, chosen: argparse.Namespace) -> dict[str, object]:
    url = server.database("outage")
    settings = Settings(folder / "bundles", database=url, media=folder / "media")
    log = Log()
    requests = soak.mixed(chosen.items, batches())
    seconds = chosen.before + chosen.down + chosen.after
    with Server(partial(create_app, settings)) as running:
        outage = Outage(server, log, chosen.before, chosen.down)
        met = closed(running.port, requests, connections=8, seconds=seconds, heard=log.heard)
        outage.over()
        soak.settle(running.port)
        ready = httpx.get(f"http://127.0.0.1:{running.port}/api/health/ready", timeout=60)
        last = closed(
            running.port, itertools.islice(requests, 1000), connections=8, seconds=60,
            heard=log.heard,
        )  # fmt: skip
    return {
        "seconds": {"before": chosen.before, "down": chosen.down, "after": chosen.after},
        "requests": len(met.milliseconds),
        "answers by status": {phase: dict(found) for phase, found in log.statuses.items()},
        "refusals without Retry-After": log.unclean,
        "health/live while down": dict(log.alive),
        "slowest answer ms": round(max(met.milliseconds), 1),
        "last refusal after the restart s": round(max(0.0, log.last_refusal - outage.started), 2),
        "ready at the end": ready.status_code,
        "failed of 1,000 requests at the end": last.failed,
        **check(url, log.sent),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=float, default=10)
    parser.add_argument("--down", type=float, default=10)
    parser.add_argument("--after", type=float, default=20)
    parser.add_argument("--items", type=int, default=ITEMS)
    chosen = parser.parse_args()
    found = binaries()
    if found is None:
        raise SystemExit("PostgreSQL's programs are not installed (Debian: postgresql)")
    folder, data = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp(prefix="polyrec-postgres-"))
    server = Postgres(found, data)
    try:
        (folder / "bundles").mkdir()
        fresh_items.make(folder / "bundles", chosen.items)
        server.start()
        try:
            save_results("outage", measure(folder, server, chosen))
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
