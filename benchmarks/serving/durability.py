"""Is everything acknowledged still there after kill -9, and how fast is the service ready again?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.durability [--kills 20] [--events 1000000]

A SQLite database with so many events in its log. Again and again: the service starts, four
connections send batches of 10 events, the process is killed in the middle; after the next start
every acknowledged batch has to be there whole, and none twice.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np

from benchmarks.library.results import save_results
from benchmarks.serving.throughput import bundle_of
from polyrec.database import feedback
from polyrec.database.database import Database
from polyrec.database.feedback import Feedback

ITEMS, TOGETHER = 2_000, 10


class Service:
    """`polyrec serve` in a process of its own."""

    def __init__(self, bundle: Path, database: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from polyrec.cli import main; main()", "serve", str(bundle),
             "--database", database, "--port", str(self._port), ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while not self._answers():
            time.sleep(0.02)
        self.seconds = time.perf_counter() - start
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        self.processor_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, path: str, body: object = None):
        """Return what the service answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def kill(self) -> None:
        """End the process at once."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.ask("/api/health/ready")["Ready"])
        except OSError:
            return False


def fill(database: str, events: int) -> None:
    """Write events as the service would, in large transactions."""
    opened = Database.open(database)
    draw = np.random.default_rng(3)
    for start in range(0, events, 50_000):
        users = draw.integers(0, events // 30 + 1, 50_000)
        items = draw.integers(0, ITEMS, 50_000)
        rows = [
            Feedback("event", f"u{u}", f"item-{i:06d}", timestamp=1_700_000_000_000_000 + start + n)
            for n, (u, i) in enumerate(zip(users.tolist(), items.tolist(), strict=True))
        ]
        with opened.write() as connection:
            feedback.put_feedback(connection, rows, overwrite=True)
    opened.close()


def flood(service: Service, name: str, acknowledged: list[str]) -> None:
    for number in range(10**6):
        user = f"{name}-{number}"
        rows = [
            {"FeedbackType": "event", "UserId": user, "ItemId": f"item-{i:06d}"}
            for i in range(TOGETHER)
        ]
        try:
            service.ask("/api/feedback", rows)
        except OSError:
            return
        acknowledged.append(user)


def check(service: Service, acknowledged: list[str]) -> int:
    """Return how many acknowledged batches are not there whole."""
    expected = [f"item-{i:06d}" for i in range(TOGETHER)]
    found = ((f["ItemId"] for f in service.ask(f"/api/user/{user}/feedback"))
             for user in acknowledged)  # fmt: skip
    return sum(sorted(items) != expected for items in found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--events", type=int, default=1_000_000)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        save_results("durability", measure(chosen.kills, chosen.events, folder))
    finally:
        shutil.rmtree(folder)


def measure(kills: int, events: int, folder: Path) -> dict[str, object]:
    database = f"sqlite:///{folder / 'service.sqlite'}"
    bundle = bundle_of(ITEMS, folder).save(folder / "bundle")
    Service(bundle, database).kill()  # it takes over the bundle
    fill(database, events)
    order = random.Random(5)
    lost = batches = 0
    starts, processor = [], []
    before: list[str] = []
    for kill in range(kills + 1):
        service = Service(bundle, database)
        starts.append(service.seconds)
        processor.append(service.processor_s)
        lost += check(service, before)
        batches += len(before)
        before = []
        if kill == kills:
            service.kill()
            break
        senders = [
            threading.Thread(target=flood, args=(service, f"k{kill}-{who}", before))
            for who in range(4)
        ]
        for sender in senders:
            sender.start()
        time.sleep(order.uniform(0.3, 1.5))
        service.kill()
        for sender in senders:
            sender.join()
    return {
        "events_in_log": events,
        "kills": kills,
        "acknowledged_batches": batches,
        "lost_or_doubled": lost,
        "ready_s": {"median": round(float(np.median(starts)), 2), "max": round(max(starts), 2)},
        "ready_processor_s": round(float(np.median(processor)), 2),
    }


if __name__ == "__main__":
    main()
