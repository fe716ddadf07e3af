"""HTTP load from this process: closed loop (as fast as the server answers) or at a fixed rate."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple


class Response(NamedTuple):
    """Status and head of a response; status 0 if the connection was lost."""

    status: int
    head: bytes = b""


class LoadResult(NamedTuple):
    """Throughput, the latency of every response, and how many were not 200."""

    per_second: float
    latencies_ms: list[float]
    failed: int

    def quantile_ms(self, q: float) -> float:
        """Return a quantile of the latencies."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class _Connection(asyncio.Protocol):
    """A connection that sends one request at a time and waits for its response."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = b""
        self._response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._response.set_result(Response(0))

    def send(self, request: bytes) -> "asyncio.Future[Response]":
        self._response = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._response.set_result(Response(0))
        else:
            self._transport.write(request)
        return self._response

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = body[length:]
            self._response.set_result(Response(int(head[9:12]), head))

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._response.done():
            self._response.set_result(Response(0))


Client = Callable[[float, list[float], list[int]], Coroutine[Any, Any, None]]


def http_request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def json_request(method: str, path: str, body: object) -> bytes:
    """Return the bytes of a request with a JSON body."""
    return http_request(method, path, json.dumps(body).encode())


def closed_loop(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    on_response: Callable[[bytes, Response], None] = lambda *_: None,
) -> LoadResult:
    """Send requests back to back on every connection, until the time or the requests run out.

    `on_response` is called with every request and its response.
    """

    async def client(end: float, latencies_ms: list[float], failures: list[int]) -> None:
        connection = await _connect(port)
        while (start := time.perf_counter()) < end:
            request = next(requests, None)
            if request is None:
                return
            response = await connection.send(request)
            latencies_ms.append(1000 * (time.perf_counter() - start))
            on_response(request, response)
            if response.status != 200:
                failures.append(response.status)
            if response.status == 0:
                connection = await _connect(port)

    return _run(client, connections, seconds)


def open_loop(
    port: int, requests: Iterator[bytes], *, rate: float, connections: int, seconds: float
) -> LoadResult:
    """Send requests at a fixed rate (per second); latency counts from when a request was due."""
    schedule = iter(range(10**9))
    start = time.perf_counter() + 0.1

    async def client(end: float, latencies_ms: list[float], failures: list[int]) -> None:
        connection = await _connect(port)
        while True:
            due = start + next(schedule) / rate
            if due >= end:
                return
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            response = await connection.send(next(requests))
            latencies_ms.append(1000 * (time.perf_counter() - due))
            if response.status != 200:
                failures.append(response.status)

    return _run(client, connections, seconds)


async def _connect(port: int) -> _Connection:
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(_Connection, "127.0.0.1", port))[1]


def _run(client: Client, connections: int, seconds: float) -> LoadResult:
    latencies_ms: list[float] = []
    failures: list[int] = []

    async def run_clients() -> float:
        start = time.perf_counter()
        end = start + seconds
        await asyncio.gather(*(client(end, latencies_ms, failures) for _ in range(connections)))
        return time.perf_counter() - start

    elapsed = asyncio.run(run_clients())
    return LoadResult(len(latencies_ms) / elapsed, latencies_ms, len(failures))
