"""Connections that are slow on purpose, over real sockets."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import uvicorn

from polyrec.cli.commands.service.serve import _check_network
from polyrec.errors import ConfigError
from polyrec.serve.middleware import connections
from polyrec.serve.middleware.connections import BoundedProtocol, ConnectionTable
from polyrec.serve.run import _config
from polyrec.serve.settings import Settings

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n[1"
LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def app(scope, receive, send) -> None:
    if scope["type"] != "http":
        return
    while scope["path"] != "/early" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(30)
    body = b"x" * (32 * 2**20 if scope["path"] == "/large" else 2)
    if scope["path"] == "/headers":
        body = repr(scope["headers"]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(table: ConnectionTable) -> Iterator[int]:
    """Run the application with bounded connections; yield its port."""
    config = uvicorn.Config(app, port=0, http=partial(BoundedProtocol, table=table), lifespan="off",
                            log_config=None, ws="none", timeout_graceful_shutdown=0)  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


OPEN: list[socket.socket] = []


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def opened(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    OPEN.append(connection)
    connection.sendall(sent)
    return connection


def answer(connection: socket.socket) -> bytes:
    """Return all that arrives until the service closes the connection, or half a second passed."""
    received = b""
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError, ConnectionError):
        while chunk := connection.recv(65_536):
            received += chunk
    return received


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(1)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(ConnectionTable(100, 100, 0.3)) as number:
        yield number


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"GET / HTTP/1.1\r\nX-Slow: ", GET + b"GET / HTTP/1.1\r\n"],
    ids=["silent", "blank", "head", "second head"],
)
def test_a_head_that_never_ends_is_cut(port: int, sent: bytes) -> None:
    start = time.monotonic()
    connection = opened(port, sent)
    received = b""
    with contextlib.suppress(OSError):
        while time.monotonic() < start + 2 and (chunk := connection.recv(4_096)):
            received += chunk
    assert 0.2 < time.monotonic() - start < 1.5
    assert (b"arrived too slowly" in received) == (b"GET" in sent)


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n", b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"],
    ids=["head", "body after the response"],
)
def test_dripping_bytes_do_not_move_the_deadline(port: int, sent: bytes) -> None:
    connection = opened(port, sent)
    start = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < start + 3:
            connection.sendall(b"X-Slow: a\r\n")
            time.sleep(0.05)
    assert 0.2 < time.monotonic() - start < 1.5


def test_whole_requests_have_all_the_time_they_need(port: int) -> None:
    connection = opened(port, GET)
    for _ in range(3):
        assert answer(connection).startswith(b"HTTP/1.1 200")  # half a second each
        connection.sendall(GET)


def test_a_head_that_is_too_large_is_refused(port: int) -> None:
    connection = opened(port)
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 40_000)
    assert b" 431 " in answer(connection)


def test_a_head_that_arrives_at_once_has_the_same_limit(port: int) -> None:
    for head, status in ((b"b" * 60_000, b"200"), (b"b" * 66_000, b"431")):
        connection = opened(port, b"GET / HTTP/1.1\r\nX-A: " + head + b"\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 " + status)
    many = b"".join(b"X-%d: b\r\n" % number for number in range(7_000))
    connection = opened(port, b"GET / HTTP/1.1\r\n" + many + b"\r\n")
    assert b" 431 " in answer(connection)


CHUNKED = b"POST /headers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_headers_after_a_body_are_dropped(port: int) -> None:
    received = answer(opened(port, CHUNKED + b"1\r\nx\r\n0\r\nX-Api-Key: stolen\r\n\r\n"))
    assert b"200" in received
    assert b"transfer-encoding" in received
    assert b"stolen" not in received


@pytest.mark.parametrize(
    ("begin", "more"),
    [(b"0\r\n", b"X-A: b\r\n"), (b"0\r\nX-A: ", b"bbbbbbbb"), (b"2;a=", b"bbbbbbbb")],
    ids=["trailers", "trailer", "extension"],
)
def test_what_a_body_has_beside_its_content_is_bounded(
    port: int, begin: bytes, more: bytes
) -> None:
    connection = opened(port, CHUNKED + begin)
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 2**24:
            connection.sendall(more * 8_000)
            sent += len(more) * 8_000
    assert sent < 2**24
    assert is_closed(connection)


def test_a_body_of_small_chunks_arrives(port: int) -> None:
    connection = opened(port, CHUNKED)
    connection.settimeout(30)  # two hundred thousand chunks on a busy machine
    for _ in range(40):
        connection.sendall(b"1\r\nx\r\n" * 5_000)
    connection.sendall(b"0\r\n\r\n")
    assert b"200" in connection.recv(1_000)


def test_pipelined_requests_are_few(port: int) -> None:
    connection = opened(port, SLOW + GET * 5_000)
    assert answer(connection).startswith(b"HTTP/1.1 400")


def test_a_client_that_never_reads_is_cut(port: int, monkeypatch) -> None:
    monkeypatch.setattr(connections, "_CHECK_S", 0.2)
    connection = opened(port, LARGE)
    time.sleep(0.8)
    assert len(answer(connection)) < 32 * 2**20
    assert is_closed(connection)


def test_a_slow_reader_that_goes_on_gets_all(port: int, monkeypatch) -> None:
    monkeypatch.setattr(connections, "_CHECK_S", 0.2)
    connection = opened(port, LARGE)
    received = 0
    while chunk := connection.recv(2**20):
        received += len(chunk)
        time.sleep(0.01)
        if received >= 32 * 2**20:
            break
    assert received >= 32 * 2**20


def test_who_waits_longest_gives_way_to_a_new_connection() -> None:
    with serving(ConnectionTable(4, 3, 30)) as port:
        idle, head, body = opened(port), opened(port, b"GET /"), opened(port, POST)
        time.sleep(0.1)
        for victim in (idle, head, body):
            fresh = opened(port, SLOW)  # in progress: it stays
            assert is_closed(victim)
        assert not is_closed(fresh)
        refused = opened(port, GET)
        assert b" 503 " in answer(refused)
        assert is_closed(refused)


def test_a_proxy_may_have_more_and_the_largest_crowd_gives_way() -> None:
    with serving(ConnectionTable(4, 2, 30, ("127.0.0.0/8",))) as port:
        held = [opened(port) for _ in range(4)]
        assert answer(opened(port, GET)).startswith(b"HTTP/1.1 200")
        assert is_closed(held[0])
        assert not is_closed(held[1])


def test_forwarded_addresses_are_believed_from_named_proxies_only() -> None:
    plain = _config(Settings("b"), "info", lambda app: app)
    assert not plain.proxy_headers
    named = _config(Settings("b", proxies=("10.0.0.0/8",)), "info", lambda app: app)
    assert named.proxy_headers
    assert named.forwarded_allow_ips == ["10.0.0.0/8"]
    assert Settings("b", proxies=("127.0.0.1",)).requires_key
    assert _check_network("10.0.0.0/8") == "10.0.0.0/8"
    with pytest.raises(ConfigError, match="not the address of a proxy"):
        _check_network("proxy.example")
