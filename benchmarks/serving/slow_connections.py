"""Does the service answer while a thousand connections do as little as they can?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.slow_connections --label before|after

One worker over 2,000 items, attacked from one address for a while, in turn by connections that send
nothing, a head that never ends, a body that never ends (one byte a second each), and by those that
request a large page and never read it. Every 100 ms a new connection asks /api/health/live, every
second one asks for a list. Measured are the latencies, requests without an answer within 5 s, and
how many of the attacker's connections are still open at the end.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.library.http_load import http_request
from benchmarks.library.live_service import LiveService
from benchmarks.library.results import merge_results
from benchmarks.library.server_process import resident_mb
from benchmarks.serving.bundles import random_bundle

ATTACKS = {
    "silent": b"",
    "endless head": b"GET /api/latest HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "endless body": b"POST /api/feedback HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[",
    "never reads": http_request("GET", "/api/items?n=10000") * 4,
}
DRIPS = {"endless head", "endless body"}
TIMEOUT_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--label", required=True, help="before or after")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--items", type=int, default=2_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        bundle = random_bundle(options.items, folder).save(folder / "bundle")
        figures = {}
        for name in ATTACKS:
            database = f"sqlite:///{folder / name.replace(' ', '-')}.sqlite"
            with LiveService(bundle, database, log=folder / "log") as service:
                figures[name] = asyncio.run(attack(service, name, options))
        merge_results("slow_connections", options.label, figures)
    finally:
        shutil.rmtree(folder)


async def attack(service: LiveService, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a client experiences during an attack."""
    idle = resident_mb(service.pid)
    end = time.perf_counter() + options.seconds
    attackers = [
        asyncio.create_task(attacker(service.port, name, end)) for _ in range(options.connections)
    ]
    await asyncio.sleep(2)  # until all are connected
    health, lists = await asyncio.gather(
        poll(service.port, "/api/health/live", 0.1, end - 1),
        poll(service.port, "/api/recommend/user-00001", 1.0, end - 1),
    )
    memory = resident_mb(service.pid)
    still_open = sum(await asyncio.gather(*attackers))
    return {
        "connections": options.connections,
        "health": summary(health),
        "lists": summary(lists),
        "attacking connections open at the end": still_open,
        "memory over idle MB": round(memory - idle, 1),
    }


async def attacker(port: int, name: str, end: float) -> bool:
    """Hold a connection as long as the service lets it; return whether it is open at the end."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(ATTACKS[name])
        if name == "never reads":
            await asyncio.sleep(max(0.0, end - time.perf_counter()))
            return await is_open_after_reading(reader)
        while (left := end - time.perf_counter()) > 0:
            try:
                async with asyncio.timeout(min(1.0, left)):
                    if not await reader.read(4096):
                        return False
            except TimeoutError:
                writer.write(b"a" if name in DRIPS else b"")
    except OSError:
        return False
    writer.close()
    return True


async def is_open_after_reading(reader: asyncio.StreamReader) -> bool:
    """Return whether more than what was in flight arrives once the client reads."""
    try:
        async with asyncio.timeout(2):
            while await reader.read(2**20):
                pass
    except TimeoutError:
        return True
    except OSError:
        return False
    return False


async def poll(port: int, path: str, interval_s: float, end: float) -> list[float | None]:
    """Return the latency of each request in ms, None without an answer of 200 in time."""
    pending = []
    while time.perf_counter() < end:
        pending.append(asyncio.create_task(latency(port, path)))
        await asyncio.sleep(interval_s)
    return list(await asyncio.gather(*pending))


async def latency(port: int, path: str) -> float | None:
    """Return the milliseconds that a request over a new connection takes."""
    start = time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return None
    return 1000 * (time.perf_counter() - start) if answer[9:12] == b"200" else None


def summary(latencies: list[float | None]) -> dict[str, Any]:
    """Return median and worst of the answered requests, and how many were not answered."""
    answered = sorted(value for value in latencies if value is not None)
    return {
        "requests": len(latencies),
        "failed": len(latencies) - len(answered),
        "median ms": round(answered[len(answered) // 2], 1) if answered else None,
        "worst ms": round(answered[-1], 1) if answered else None,
    }


if __name__ == "__main__":
    main()
