"""Bounds on the connections of a worker, for clients that are slow on purpose.

uvicorn waits for ever for the end of a head, of a body that nobody reads, and for a client that
never reads its response. `BoundedProtocol` adds deadlines for these, bounds on the size of a head
and of what a chunked body has beside its content (trailers are dropped), and `ConnectionTable` a
bound on the number of connections. Beyond it the oldest connection that
waits for its client gives way: a new client is served, an attacker loses a connection.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle, Transport
from dataclasses import dataclass, field
from typing import Any

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from polyrec.serve.middleware.client_address import address_group, is_in_networks
from polyrec.serve.responses import problem_body

_MAX_HEAD_BYTES = 65_536
_FRAME_BYTES = 8  # of a chunk's size line for each byte of content, at most
_MAX_PIPELINED = 16  # requests that wait for the response to an earlier one
_CHECK_S = 10.0  # between two looks at a response that a client does not read
_MIN_BYTES_PER_S = 1_000  # that it must read


@dataclass
class ConnectionTable:
    """The open connections of a worker by address, the oldest first."""

    max_connections: int
    max_per_address: int
    head_timeout_s: float
    proxies: tuple[str, ...] = ()  # addresses that stand for many clients: not bounded
    _groups: dict[str, dict[BoundedProtocol, None]] = field(default_factory=dict, repr=False)
    _count: int = 0

    def __len__(self) -> int:
        return self._count

    def admit(self, connection: BoundedProtocol) -> bool:
        """Add a connection; return False if the table is full of requests in progress."""
        group = self._groups.setdefault(connection.group, {})
        crowd = None
        if len(group) >= self.max_per_address and not is_in_networks(connection.host, self.proxies):
            crowd = group
        elif self._count >= self.max_connections:
            crowd = max(self._groups.values(), key=len)
        if crowd is not None:
            victim = next((other for other in crowd if other.waits_for_client), None)
            if victim is None:
                return False
            self.remove(victim)
            victim.transport.abort()
        group = self._groups.setdefault(connection.group, {})
        group[connection] = None
        self._count += 1
        return True

    def remove(self, connection: BoundedProtocol) -> None:
        """Remove a connection if it is there."""
        group = self._groups.get(connection.group, {})
        if connection in group:
            del group[connection]
            self._count -= 1
        if not group:
            self._groups.pop(connection.group, None)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with deadlines; `table` is the worker's."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        table: ConnectionTable,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.host = self.group = ""
        self._table = table
        self._messages = 0  # that began
        self._in_head = self._in_body = False
        self._unfinished_bytes = 0  # received of a head that is not complete
        self._head_bytes = 0  # of the head's lines that are complete
        self._body_bytes = self._extra_bytes = 0  # content, and chunk sizes, extensions, trailers
        self._head_timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None

    @property
    def waits_for_client(self) -> bool:
        """Return whether the client is to act: send a request or its rest, or read a response."""
        return self._is_idle() or self.cycle.more_body or self.flow.write_paused

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Admit or refuse a connection."""
        super().connection_made(transport)
        self.host = self.client[0] if self.client else "?"
        self.group = address_group(self.host)
        if self._table.admit(self):
            self._start_head_timer()
        else:
            self._refuse(503, "too many connections", "close some, or try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._table.remove(self)
        self._stop_head_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; a head has a deadline and a size."""
        messages, content = self._messages, self._body_bytes
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_body and self._messages == messages:
            self._extra_bytes += len(data) - (self._body_bytes - content)
            if self._extra_bytes > _MAX_HEAD_BYTES + _FRAME_BYTES * self._body_bytes:
                self.transport.abort()
                return
        if not (self._in_head or (self._is_idle() and self.timeout_keep_alive_task is None)):
            self._stop_head_timer()
            return
        self._unfinished_bytes += len(data)
        if self._unfinished_bytes > _MAX_HEAD_BYTES:
            self._refuse_head()
        elif self._head_timer is None:
            self._start_head_timer()

    def on_message_begin(self) -> None:
        """Note that a head begins; too many in advance are an invalid request."""
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("too many pipelined requests")
        self._messages += 1
        self._in_head = True
        self._unfinished_bytes = self._head_bytes = self._body_bytes = self._extra_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a part of the URL."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header; drop one after the body, which would join those that were checked."""
        if self._in_head:
            self._count_head(len(name) + len(value) + len(b": \r\n"))
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that a head is complete."""
        self._in_head, self._in_body = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count content."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a body is complete."""
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what can't be parsed; a head that is too large with 431."""
        if self._head_bytes > _MAX_HEAD_BYTES:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Watch whether the client goes on reading."""
        super().pause_writing()
        if self._write_timer is None:
            self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if self.flow is not None:
            super().resume_writing()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _MAX_HEAD_BYTES:
            raise ValueError("the head is too large")  # ends the parsing

    def _refuse_head(self) -> None:
        self._refuse(431, "the head of the request is too large", "send shorter headers")

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch_writing(self, before: int) -> None:
        self._write_timer = self.loop.call_later(_CHECK_S, self._check_writing, before)

    def _check_writing(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if before - left < _CHECK_S * _MIN_BYTES_PER_S:
            self.transport.abort()
        else:
            self._watch_writing(left)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._table.head_timeout_s, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self._is_idle():  # the response to an earlier request is on its way
            self._start_head_timer()
        elif self._in_head:
            remedy = f"send it within {self._table.head_timeout_s:g} s"
            self._refuse(408, "the head of the request arrived too slowly", remedy)
        else:
            self.transport.close()

    def _refuse(self, status: int, what: str, remedy: str) -> None:
        body = orjson.dumps(problem_body(what, remedy=remedy))
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()
