"""What do attackers with little reach: a read key, one with a rate, guessed keys, a full disk?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.attacks --label before|after [--attack NAME]

Over 2,000 items. A read key requests lists in spellings of `write-back-type`, and what it wrote is
counted. A key with a rate of 20 per second sends what it can to two workers. Keys are guessed from
200 addresses. A file system of 64 MB is filled by feedback, then emptied (needs root). One
connection sends headers after a chunked body without end.
"""

import argparse
import http.client
import itertools
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.library.live_service import LiveService
from benchmarks.library.results import RESULTS, merge_results, read_figures
from benchmarks.library.server_process import peak_mb, reset_peak_mb
from benchmarks.serving.bundles import random_bundle
from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.database.tables import FEEDBACK

SPELLINGS = ("write-back-type=x", "write%2Dback-type=x", "%77rite-back-type=x&n=3")
SECONDS = 4.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--label", required=True, help="before or after")
    parser.add_argument("--attack", choices=ATTACKS, action="append", help="default: all")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        bundle = random_bundle(2_000, folder).save(folder / "bundle")
        figures = {name: ATTACKS[name](bundle, folder) for name in options.attack or ATTACKS}
        earlier = (read_figures(RESULTS / "attacks.json") or {}).get(options.label, {})
        merge_results("attacks", options.label, {**earlier, **figures})
    finally:
        shutil.rmtree(folder)


def create_key(url: str, *scopes: str) -> str:
    """Return the text of a new key."""
    database = Database.open(url)
    with database.write() as connection:
        text = keys.create_key(connection, "attacker", scopes)[1]
    database.close()
    return text


def get(port: int, path: str, *, key: str, source: str = "127.0.0.1") -> int:
    """Return the status of a GET, 0 without one."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=20, source_address=(source, 0)
    )
    try:
        connection.request("GET", path, headers={"X-API-Key": key})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def read_key_writes(bundle: Path, folder: Path) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'scopes.sqlite'}"
    with LiveService(bundle, url, "--keys", log=folder / "log") as service:
        key = create_key(url, "read")
        statuses = [
            get(service.port, f"/api/recommend/user-00001?{spelling}", key=key)
            for spelling in SPELLINGS
        ]
        database = Database.open(url)
        with database.read() as connection:
            count = sa.select(sa.func.count()).where(FEEDBACK.c.feedback_type == "x")
            rows = connection.scalar(count)
        database.close()
    return {"statuses": statuses, "feedback written": rows}


def rate_over_workers(bundle: Path, folder: Path) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'rates.sqlite'}"
    options = ("--keys", "--workers", "2", "--per-second", "20")
    with LiveService(bundle, url, *options, log=folder / "log") as service:
        key = create_key(url, "read")
        counts = hammer(lambda _: get(service.port, "/api/latest?n=1", key=key))
    return {"answered per second": round(counts[200] / SECONDS, 1)}


def guessed_keys(bundle: Path, folder: Path) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'guesses.sqlite'}"
    with LiveService(bundle, url, "--keys", log=folder / "log") as service:
        valid = create_key(url, "read")
        assert get(service.port, "/api/latest", key=valid) == 200
        latencies: list[float] = []

        def guess(number: int) -> int:
            if number % 50 == 0:
                start = time.perf_counter()
                assert get(service.port, "/api/latest?n=1", key=valid) == 200
                latencies.append(time.perf_counter() - start)
            source = f"127.0.1.{number % 200 + 1}"
            return get(service.port, "/api/latest", key=f"pr_{number:08x}_guess", source=source)

        counts = hammer(guess)
    return {
        "guesses per second": round(counts.total() / SECONDS),
        "looked up per second": round(counts[401] / SECONDS, 1),
        "worst latency of a valid key, ms": round(1000 * max(latencies), 1),
    }


def hammer(request: Any, threads: int = 8) -> Counter[int]:
    """Return status -> how many of the requests that eight threads send within some seconds."""
    counts: Counter[int] = Counter()
    numbers, end = itertools.count(), time.monotonic() + SECONDS

    def run() -> None:
        while time.monotonic() < end:
            counts[request(next(numbers))] += 1

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return counts


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """Mount a file system of 64 MB."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def full_disk(bundle: Path, folder: Path) -> dict[str, Any] | str:
    if os.geteuid() != 0:
        return "needs root"
    with small_disk(folder / "disk") as disk:
        url = f"sqlite:///{disk / 'service.sqlite'}"
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 2**24)
        with LiveService(bundle, url, log=folder / "log") as service:
            statuses = Counter(post_feedback(service.port, number) for number in range(150))
            ready = service.status("/api/health/ready")
            ballast.unlink()
            after = post_feedback(service.port, 99)
            recovered = service.status("/api/health/ready")
    return {
        "writes": {str(status): count for status, count in statuses.items()},
        "ready": ready,
        "write after space was made": after,
        "ready after": recovered,
    }


def post_feedback(port: int, number: int) -> int:
    """Return the status of a feedback of half a megabyte."""
    rows = [
        {"FeedbackType": "event", "UserId": f"u{number}", "ItemId": f"item-{i:06d}",
         "Comment": "x" * 60_000}
        for i in range(9)
    ]  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/feedback", json.dumps(rows), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def endless_trailers(bundle: Path, folder: Path) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'trailers.sqlite'}"
    with LiveService(bundle, url, log=folder / "log") as service:
        idle, sent, end = reset_peak_mb(service.pid), 0, time.monotonic() + SECONDS
        head = b"POST /api/feedback HTTP/1.1\r\nHost: localhost\r\n"
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
            with suppress(ConnectionError):
                while time.monotonic() < end:
                    connection.sendall(b"X-A: b\r\n" * 8_000)
                    sent += 64_000
        grown = peak_mb(service.pid) - idle
    return {"MB sent": round(sent / 1e6, 1), "memory grew by MB": round(grown, 1)}


ATTACKS = {
    "a read key writes": read_key_writes,
    "a rate of 20 per second, two workers": rate_over_workers,
    "guessed keys": guessed_keys,
    "a full disk": full_disk,
    "headers without end after a body": endless_trailers,
}


if __name__ == "__main__":
    main()
