"""Does everything acknowledged survive kill -9, and how soon is the service ready again?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.durability [--kills 20] [--events 1000000]

A SQLite database with so many events in its log. Repeatedly, the service starts, four connections
send batches of 10 events, and the process is killed in the middle; after the next start every
acknowledged batch has to be complete, without duplicates.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.results import save_results
from benchmarks.library.server_process import free_port, processor_seconds
from benchmarks.serving.bundles import random_bundle
from benchmarks.serving.requests import EVENTS_PER_BATCH
from polyrec.database import feedback
from polyrec.database.database import Database
from polyrec.database.feedback import Feedback

ITEMS = 2_000
SENDERS = 4
BATCH_ITEMS = [f"item-{i:06d}" for i in range(EVENTS_PER_BATCH)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_results("durability", measure(options.kills, options.events, Path(folder)))


def measure(kills: int, events: int, folder: Path) -> dict[str, Any]:
    """Return how many acknowledged batches were lost, and the seconds of each start."""
    database = f"sqlite:///{folder / 'service.sqlite'}"
    bundle = random_bundle(ITEMS, folder).save(folder / "bundle")
    Service(bundle, database).kill()  # imports the bundle into the database
    fill_log(database, events)
    generator = random.Random(5)
    starts, processor = [], []
    lost = batches = 0
    acknowledged: list[str] = []
    for kill in range(kills + 1):
        service = Service(bundle, database)
        starts.append(service.start_seconds)
        processor.append(service.start_processor_seconds)
        lost += count_incomplete(service, acknowledged)
        batches += len(acknowledged)
        acknowledged = []
        if kill == kills:
            service.kill()
        else:
            acknowledged = send_and_kill(service, f"k{kill}", generator.uniform(0.3, 1.5))
    return {
        "events_in_log": events,
        "kills": kills,
        "acknowledged_batches": batches,
        "lost_or_doubled": lost,
        "ready_s": {"median": round(float(np.median(starts)), 2), "max": round(max(starts), 2)},
        "ready_processor_s": round(float(np.median(processor)), 2),
    }


class Service:
    """`polyrec serve` in a process of its own; the constructor returns when it is ready."""

    def __init__(self, bundle: Path, database: str) -> None:
        self._port = free_port()
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from polyrec.cli import main; main()", "serve", str(bundle),
             "--database", database, "--port", str(self._port)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while not self._is_ready():
            time.sleep(0.02)
        self.start_seconds = time.perf_counter() - start
        self.start_processor_seconds = processor_seconds(self._process.pid)

    def request(self, path: str, body: object = None) -> Any:
        """Return the JSON of a response; POST if there is a body, else GET."""
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self._port}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return bool(self.request("/api/health/ready")["Ready"])
        except OSError:
            return False


def fill_log(database: str, events: int) -> None:
    """Write events as the service would, in large transactions."""
    opened = Database.open(database)
    generator = np.random.default_rng(3)
    for start in range(0, events, 50_000):
        users = generator.integers(0, events // 30 + 1, 50_000)
        items = generator.integers(0, ITEMS, 50_000)
        rows = [
            Feedback("event", f"u{u}", f"item-{i:06d}", timestamp=1_700_000_000_000_000 + start + n)
            for n, (u, i) in enumerate(zip(users.tolist(), items.tolist(), strict=True))
        ]
        with opened.write() as connection:
            feedback.put_feedback(connection, rows, overwrite=True)
    opened.close()


def send_and_kill(service: Service, prefix: str, seconds: float) -> list[str]:
    """Kill the service while batches come in; return the users whose batch was acknowledged."""
    acknowledged: list[str] = []
    senders = [
        threading.Thread(target=_send_batches, args=(service, f"{prefix}-{n}", acknowledged))
        for n in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    time.sleep(seconds)
    service.kill()
    for sender in senders:
        sender.join()
    return acknowledged


def _send_batches(service: Service, prefix: str, acknowledged: list[str]) -> None:
    for number in range(10**6):
        user = f"{prefix}-{number}"
        rows = [{"FeedbackType": "event", "UserId": user, "ItemId": item} for item in BATCH_ITEMS]
        try:
            service.request("/api/feedback", rows)
        except OSError:
            return
        acknowledged.append(user)


def count_incomplete(service: Service, users: list[str]) -> int:
    """Return how many of these users lack events of their batch, or have some twice."""
    rows = (service.request(f"/api/user/{user}/feedback") for user in users)
    return sum(sorted(event["ItemId"] for event in events) != BATCH_ITEMS for events in rows)


if __name__ == "__main__":
    main()
