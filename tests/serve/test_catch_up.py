"""What a worker acknowledged counts in the next request of every worker, also under load."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient

from polyrec.serve.state.catch_up import SharedCatchUp


def build_routes(workers: tuple[TestClient, TestClient]) -> None:
    """Send each worker its first requests from one thread: at these FastAPI builds its routes."""
    for worker in workers:
        assert worker.get("/api/recommend/u0001").status_code == 200
        assert worker.post("/api/feedback", json=[]).status_code == 200


def test_acknowledged_events_count_at_once_under_load(
    two_workers: tuple[TestClient, TestClient],
) -> None:
    done = threading.Event()
    build_routes(two_workers)

    def read(number: int) -> None:
        """Keep a worker busy, so that requests share looks at the log."""
        while not done.is_set():
            assert two_workers[number % 2].get("/api/recommend/u0001").status_code == 200

    def write(number: int) -> None:
        first, second = two_workers[number % 2], two_workers[1 - number % 2]
        for item in range(8):
            event = {"FeedbackType": "like", "UserId": f"p{number}", "ItemId": f"i{item:04d}"}
            assert first.post("/api/feedback", json=[event]).status_code == 200
            for worker in (second, first):
                shown = worker.get(f"/api/recommend/p{number}?n=60").json()
                assert shown
                assert f"i{item:04d}" not in shown

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read, number) for number in range(2)]
        writers = [pool.submit(write, number) for number in range(4)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        for reader in readers:
            reader.result()


def test_a_request_never_uses_a_look_that_began_before_it() -> None:
    committed, seen = 0, -1

    async def look() -> None:
        nonlocal seen
        read = committed
        await asyncio.sleep(0.001)
        seen = read

    async def scenario() -> None:
        nonlocal committed
        shared = SharedCatchUp(look)
        under_way = [asyncio.create_task(shared.run())]
        for committed in range(1, 50):
            await asyncio.sleep(0.0002)
            expected = committed
            under_way.append(asyncio.create_task(shared.run()))
            if committed % 7 == 0:
                await under_way[-1]
                assert seen >= expected
        await asyncio.gather(*under_way)

    asyncio.run(scenario())
    assert seen == 49


def test_a_failed_look_fails_its_requests_and_no_others() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        if looks == 1:
            raise OSError("the network is gone")

    async def scenario() -> list[BaseException | None]:
        shared = SharedCatchUp(look)
        first = [asyncio.create_task(shared.run()) for _ in range(3)]
        first[0].cancel()  # a client that left: the others get their result
        results = await asyncio.gather(*first, return_exceptions=True)
        await shared.run()
        return results

    outcomes = [type(result) for result in asyncio.run(scenario())]
    assert outcomes == [asyncio.CancelledError, OSError, OSError]
    assert looks == 2
