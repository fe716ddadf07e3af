"""Two workers, one killed with SIGKILL again and again: is anything lost, does the other one fail?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.worker_kills [--kills 20] [--items 2000]

`polyrec serve --workers 2` over SQLite, then over a private PostgreSQL (Debian's programs,
loopback). Six connections, kept open, send batches of ten events, upload images to new items, and
read. Again and again one of the two workers is killed; the service starts another. At last the
service is killed and started again. Every connection is attributed to the process that holds the
other end of it (/proc, Linux), so that a request that failed is the killed worker's or a living
one's. Measured are the failed requests of living workers, and the acknowledged events and files
that are lost, or twice in the feedback or the log.
"""

import argparse
import http.client
import io
import itertools
import json
import random
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.library.live_service import LiveService
from benchmarks.library.postgres import private_postgres
from benchmarks.library.results import save_results
from benchmarks.library.worker_processes import kill_worker, owner_of, workers_of
from benchmarks.serving.bundles import save_trained_bundles
from benchmarks.serving.event_counts import count_events
from benchmarks.serving.requests import EVENTS_PER_BATCH

SENDERS = 6
PREFIX = "kills"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--items", type=int, default=2_000)
    options = parser.parse_args()
    with private_postgres() as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "bundles").mkdir()
        save_trained_bundles(folder / "bundles", options.items)
        results = {"sqlite": measure(folder, f"sqlite:///{folder / 'service.sqlite'}", options)}
        print(results, flush=True)
        results["postgresql"] = measure(folder, server.database("kills"), options)
        save_results("worker_kills", {"kills": options.kills, **results})


def measure(folder: Path, database: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the failed requests, and what is lost or doubled."""
    media = folder / f"media-{database.partition(':')[0]}"
    arguments = ["--workers", "2", "--media", str(media), "--log-level", "error"]
    record = Record()
    with LiveService(folder / "bundles", database, *arguments, log=folder / "log") as service:
        wait_for_workers(service)
        senders = [Sender(service.port, number, record) for number in range(SENDERS)]
        generator = random.Random(5)
        for _ in range(options.kills):
            time.sleep(generator.uniform(0.5, 1.5))
            record.killed.append(kill_worker(service.pid, generator))
            wait_for_workers(service)
        for sender in senders:
            sender.stop()
    with LiveService(folder / "bundles", database, *arguments, log=folder / "log") as service:
        lost = [item for item, file in record.files.items() if read(service.port, item) != file]
    return {
        "requests": record.requests,
        "failed at the killed worker": record.failed_at_killed,
        "failed at a living worker": record.failed_at_living,
        "acknowledged uploads": len(record.files),
        "lost uploads": len(lost),
        **count_events(database, record.batches, PREFIX),
    }


def wait_for_workers(service: LiveService) -> None:
    """Wait until there are two workers, and each has answered on a connection of its own."""
    answered: set[int] = set()
    while len(answered & set(workers_of(service.pid))) < 2:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/health/live")
            connection.getresponse().read()
            answered.add(owner_of(connection.sock.getsockname()[1]))
        connection.close()
        time.sleep(0.05)


def read(port: int, item: str) -> bytes:
    """Return the image of an item."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/api/item/{item}/media/image")
        return connection.getresponse().read()
    finally:
        connection.close()


@dataclass
class Record:
    """What the senders sent, and how it was answered."""

    killed: list[int] = field(default_factory=list)  # process ids
    requests: int = 0
    failed_at_killed: int = 0
    failed_at_living: list[str] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)  # user -> status, 0 without an answer
    files: dict[str, bytes] = field(default_factory=dict)  # item -> image that was acknowledged
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sender:
    """A thread that sends requests over one connection, and opens another if that breaks."""

    def __init__(self, port: int, number: int, record: Record) -> None:
        self._port, self._number, self._record = port, number, record
        self._connection: http.client.HTTPConnection | None = None
        self._owner = 0  # the process at the other end, 0 if it is not known
        self._stop = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the request under way."""
        self._stop = True
        self._thread.join()

    def _run(self) -> None:
        generator = np.random.default_rng(self._number)
        for number in itertools.count():
            if self._stop:
                return
            name = f"{PREFIX}-{self._number}-{number:06d}"
            if number % 5 == 0:
                file = image(generator)
                body = json.dumps({"ItemId": name, "Comment": "a picture"}).encode()
                path = f"/api/item/{name}/media/image"
                added = self._send("POST", "/api/item", body) == 200
                if added and self._send("PUT", path, file, "image/png") == 200:
                    self._record.files[name] = file
            else:
                rows = [
                    {"FeedbackType": "event", "UserId": name, "ItemId": f"item-{item:06d}"}
                    for item in range(EVENTS_PER_BATCH)
                ]
                self._record.batches[name] = self._send(
                    "POST", "/api/feedback", json.dumps(rows).encode()
                )
                self._send("GET", f"/api/recommend/{name}")

    def _send(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> int:
        """Return the status of a request, 0 if the connection broke."""
        reason = ""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
                self._connection.connect()
                self._owner = 0
            self._connection.request(method, path, body, {"Content-Type": kind})
            response = self._connection.getresponse()
            response.read()
            status = response.status
            if not self._owner:
                self._owner = owner_of(self._connection.sock.getsockname()[1])
            if status >= 400:
                reason = f"{method} {path}: {status}"
        except (OSError, http.client.HTTPException) as error:
            status, reason = 0, f"{method} {path}: {error!r}"
            if self._connection is not None:
                self._connection.close()
            self._connection = None
        self._count(status, reason)
        return status

    def _count(self, status: int, reason: str) -> None:
        record = self._record
        with record.lock:
            record.requests += 1
            if not reason:
                return
            time.sleep(0.05)  # the kill is recorded once the process has ended
            # a connection without any answer yet: nobody knows who took it
            if status == 0 and (not self._owner or self._owner in record.killed):
                record.failed_at_killed += 1
            else:
                record.failed_at_living.append(reason)


def image(generator: np.random.Generator) -> bytes:
    """Return a PNG of its own."""
    file = io.BytesIO()
    Image.fromarray(generator.integers(0, 256, (32, 32, 3), np.uint8)).save(file, "png")
    return file.getvalue()


if __name__ == "__main__":
    main()
