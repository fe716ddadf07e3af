"""What does the largest request of each kind cost, and who waits for it?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.large_requests --label before|after

One worker over 200,000 items (random sparse weights), 1,500 of them with the longest texts, labels
that are allowed, and one user with 3,000 feedbacks of the longest comments. Each request is sent
once. Measured are its status, seconds, bytes of the response, the peak of resident memory over what
it was before, and the latency of /api/health/live, asked every 50 ms over a connection of its own.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.library.http_load import http_request, json_request
from benchmarks.library.live_service import LiveService
from benchmarks.library.results import RESULTS, merge_results, read_figures
from benchmarks.library.server_process import peak_mb, reset_peak_mb
from benchmarks.serving.bundles import random_bundle
from polyrec.database.database import Database
from polyrec.database.feedback import Feedback, put_feedback
from polyrec.database.records import ItemRecord, put_items

FAT_ITEMS, FAT_EVENTS = 1_500, 3_000
HEALTH = http_request("GET", "/api/health/live")
PATHS = {
    "list, n 10,000": "/api/recommend/user-00001?n=10000",
    "list, offset 190,000": "/api/recommend/user-00001?n=10000&offset=190000",
    "latest, n 10,000": "/api/latest?n=10000&offset=1000",
    "neighbours, n 10,000": "/api/item/item-000001/neighbors/?n=10000",
    "similar users, n 10,000": "/api/user/user-00001/neighbors/?n=10000",
    "page of long items": "/api/items?n=10000",
    "page of long feedback": "/api/feedback?n=10000",
    "long feedback of a user": "/api/user/fat-user/feedback",
    "page of users": "/api/users?n=10000",
    "the model": "/api/model",
    "the metrics": "/metrics",
}


class Figures(NamedTuple):
    """The cost of one request."""

    status: int
    seconds: float
    response_mb: float
    peak_mb: float
    health_worst_ms: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--label", required=True, help="before or after")
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--only", default="", help="requests whose name contains this")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        bundle = random_bundle(options.items, folder, dense=False).save(folder / "bundle")
        url = f"sqlite:///{folder / 'service.sqlite'}"
        with LiveService(bundle, url, log=folder / "log"):
            fill(url)
        figures = {}
        with LiveService(bundle, url, log=folder / "log") as service:
            for name, request in requests(options.items):
                if options.only in name:
                    result = asyncio.run(measure(service, request))
                    figures[name] = result._asdict()
                    print(f"{name:32}", *result, flush=True)
        earlier = (read_figures(RESULTS / "large_requests.json") or {}).get(options.label, {})
        merge_results("large_requests", options.label, {**earlier, **figures})
    finally:
        shutil.rmtree(folder)


def fill(url: str) -> None:
    """Insert the items and feedback with long texts."""
    database = Database.open(url)
    text = "x" * 65_000
    for start in range(0, FAT_ITEMS, 100):
        names = [f"fat-{number:05d}" for number in range(start, start + 100)]
        with database.write() as connection:
            put_items(connection, [ItemRecord(n, labels=[text], comment=text) for n in names])
    for start in range(0, FAT_EVENTS, 100):
        names = [f"item-{number:06d}" for number in range(start, start + 100)]
        rows = [Feedback("event", "fat-user", name, comment=text) for name in names]
        with database.write() as connection:
            put_feedback(connection, rows, overwrite=False)
    database.close()


def requests(items: int) -> Iterator[tuple[str, bytes]]:
    """Yield the requests with their names."""
    names = [f"item-{number:06d}" for number in range(items)]
    yield from bodies(names)
    session = [{"ItemId": name} for name in names[:10_000]]
    yield "session of 10,000", json_request("POST", "/api/session/recommend?n=10000", session)
    for name, path in PATHS.items():
        yield name, http_request("GET", path)
    yield from searches(names)
    yield from batches(names)


def searches(names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield searches with the longest queries and lists."""
    words = " ".join(f"word{number}" for number in range(6_000))
    text = {"Text": f"{words} x", "UserId": "fat-user", "N": 10_000}
    yield "search, 6,000 words", json_request("POST", "/api/search", text)
    items = {"Items": names[:100], "Negative": names[100:200], "N": 10_000}
    yield "search, 200 items", json_request("POST", "/api/search", items)
    yield "search, page of items", http_request("GET", "/api/items?q=item&n=10000")


def bodies(names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield what is written, valid or not."""
    events = [
        {"FeedbackType": "event", "UserId": f"user-{i % 1_000:05d}",
         "ItemId": names[i % len(names)],
         "Value": 0, "Timestamp": "2026-01-01T00:00:00Z", "Comment": ""}
        for i in range(100_000)
    ]  # fmt: skip
    yield "100,000 events", json_request("POST", "/api/feedback", events)
    users = [{"UserId": f"new-{i:06d}"} for i in range(100_000)]
    yield "100,000 users", json_request("POST", "/api/users", users)
    lists = b"[]," * 5_000_000
    yield "15 MB of empty lists", http_request("POST", "/api/feedback", b"[" + lists + b"0]")
    item = b'{"ItemId": "a", "Labels": [' + lists + b"0]}"
    yield "15 MB of labels", http_request("POST", "/api/item", item)
    ids = b'{"Exclude": [' + b'"ab",' * 3_000_000 + b'"a"]}'
    yield "15 MB of short ids", http_request("POST", "/api/recommend", ids)


def batches(names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield batches of lists."""
    users = [f"user-{number:05d}" for number in range(1_000)]

    def batch(lists: int, n: int, **fields: object) -> bytes:
        return json_request("POST", "/api/recommend", {"Users": users[:lists], "N": n, **fields})

    yield "10 lists of 10,000", batch(10, 10_000)
    yield "1,000 lists of 100", batch(1_000, 100)
    yield "100 lists, 90,000 excluded", batch(100, 100, Exclude=names[:90_000])
    yield "10 diverse lists of 1,000", batch(10, 1_000, Diversity=0.5)
    yield "1,000 lists of 10,000", batch(1_000, 10_000)


async def measure(service: LiveService, request: bytes) -> Figures:
    """Return what one request costs."""
    await asyncio.sleep(1)
    idle = reset_peak_mb(service.pid)
    polling = asyncio.create_task(poll_health(service.port))
    await asyncio.sleep(0.2)
    start = time.perf_counter()
    status, size = await send(service.port, request)
    seconds = time.perf_counter() - start
    polling.cancel()
    worst = await polling
    peak = peak_mb(service.pid) - idle
    return Figures(
        status, round(seconds, 2), round(size / 2**20, 1), round(peak, 1), round(worst, 1)
    )


async def send(port: int, request: bytes) -> tuple[int, int]:
    """Return the status of a response, and its bytes; they are not kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head, _, body = request.partition(b"\r\n\r\n")
    writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
    status, size = 0, 0
    try:
        while chunk := await reader.read(2**16):
            status = status or int(chunk[9:12])
            size += len(chunk)
    except ConnectionError:  # refused before the body was read
        pass
    writer.close()
    return status, size


async def poll_health(port: int) -> float:
    """Return the worst latency in ms until the task is cancelled, an unfinished one included."""
    worst, start = 0.0, time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            start = time.perf_counter()
            writer.write(HEALTH)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            worst = max(worst, 1000 * (time.perf_counter() - start))
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return worst
    finally:
        writer.close()


if __name__ == "__main__":
    main()
