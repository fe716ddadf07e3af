"""A load on an HTTP server from this process: as much as it takes, or at a fixed rate."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """Status and head of an answer; 0 where the connection was lost instead."""

    status: int
    head: bytes = b""


Heard = Callable[[bytes, Answer], None]
"""What is told of each request and its answer."""


class Load(NamedTuple):
    """What a load met: answers per second, their milliseconds, how many were not 200."""

    per_second: float
    milliseconds: list[float]
    failed: int

    def at(self, share: float) -> float:
        """Return the milliseconds within which a share of the answers came."""
        return sorted(self.milliseconds)[
            min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))
        ]


class _Connection(asyncio.Protocol):
    """One connection that sends a request and waits for its answer."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = b""
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answer.set_result(Answer(0))

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._answer.set_result(Answer(0))
        else:
            self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = body[length:]
            self._answer.set_result(Answer(int(head[9:12]), head))

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_result(Answer(0))


async def _connect(port: int) -> _Connection:
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(_Connection, "127.0.0.1", port))[1]


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def closed(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    heard: Heard = lambda *_: None,
) -> Load:
    """Return what a server reaches when every connection asks again as soon as it is answered.

    It ends after so many seconds, or with the requests. `heard` is told of each.
    """

    async def one(end: float, times: list[float], failed: list[int]) -> None:
        connection = await _connect(port)
        while (start := time.perf_counter()) < end:
            asked = next(requests, None)
            if asked is None:
                return
            answer = await connection.ask(asked)
            times.append(1000 * (time.perf_counter() - start))
            heard(asked, answer)
            if answer.status != 200:
                failed.append(answer.status)
            if answer.status == 0:
                connection = await _connect(port)

    return _run(one, connections, seconds)


def paced(
    port: int, requests: Iterator[bytes], *, rate: float, connections: int, seconds: float
) -> Load:
    """Return what is met at a fixed rate; time counts from when a request was due."""
    schedule = iter(range(10**9))
    begun = time.perf_counter() + 0.1

    async def one(end: float, times: list[float], failed: list[int]) -> None:
        connection = await _connect(port)
        while True:
            due = begun + next(schedule) / rate
            if due >= end:
                return
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            answer = await connection.ask(next(requests))
            times.append(1000 * (time.perf_counter() - due))
            if answer.status != 200:
                failed.append(answer.status)

    return _run(one, connections, seconds)


def _run(one: Callable[..., Any], connections: int, seconds: float) -> Load:
    times: list[float] = []
    failed: list[int] = []

    async def all_of_them() -> float:
        start = time.perf_counter()
        end = start + seconds
        await asyncio.gather(*(one(end, times, failed) for _ in range(connections)))
        return time.perf_counter() - start

    taken = asyncio.run(all_of_them())
    return Load(len(times) / taken, times, len(failed))
