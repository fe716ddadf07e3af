"""Workers that share a listening socket hold about as many connections each.

The kernel hands a connection to whichever worker accepts first: one that is idle for a moment takes
all that wait and keeps them. Here a worker with more connections than another leaves a new one to
it for some milliseconds, and then accepts it all the same. So a worker that is busy, stopped or
killed holds nobody up, and no connection belongs to a worker before that accepts it.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
from collections.abc import Callable, Sized
from contextlib import suppress
from functools import partial
from pathlib import Path
from ssl import SSLContext

from uvicorn.loops.auto import auto_loop_factory

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_YIELD_S = 0.01  # a connection is left to the others
_RETRY_S = 0.1  # after no connection could be accepted: too many open files
_SLOTS = 64  # workers, those that are being replaced included

MakeProtocol = Callable[[], asyncio.Protocol]


class ConnectionCounts:
    """How many connections each worker holds, in memory that they share."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, 4 * _SLOTS)  # zeros, or what is there
        # count + 1 of each worker, 0 for none
        self._counts = memoryview(mmap.mmap(self._file, 4 * _SLOTS)).cast("i")
        self._slot = next(filter(self._claim, range(_SLOTS)))

    def is_lowest(self, count: int) -> bool:
        """Set the count of this worker; return whether no other one has fewer."""
        self._counts[self._slot] = count + 1
        lower = [slot for slot, other in enumerate(self._counts) if 0 < other <= count]
        return not any(map(self._is_alive, lower))

    def leave(self) -> None:
        """Count this worker no more."""
        self._counts[self._slot] = 0

    def _claim(self, slot: int) -> bool:
        """Take a slot that no other process has; it is free again when this one ends."""
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
            return True
        return False

    def _is_alive(self, slot: int) -> bool:
        """Return whether a worker has a slot; forget the count of one that was killed."""
        if not self._claim(slot):
            return True
        self._counts[slot] = 0
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
        return False


class FairServer:
    """Accepts connections from a socket on which other workers listen too."""

    def __init__(
        self,
        make_protocol: MakeProtocol,
        listening: socket.socket,
        held: Sized,
        counts: ConnectionCounts,
        ssl: SSLContext | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._make_protocol, self._socket, self._ssl = make_protocol, listening, ssl
        self._held, self._counts = held, counts
        self._opening: set[asyncio.Task[None]] = set()  # accepted, and not yet held
        self._left = 1  # connections to accept that the others left
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(listening, self._on_connection)

    def close(self) -> None:
        """Accept no more connections."""
        self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._counts.leave()

    async def wait_closed(self) -> None:
        """Return at once."""

    def _on_connection(self) -> None:
        if self._counts.is_lowest(len(self._held) + len(self._opening)):
            self._accept()
        else:
            self._pause(_YIELD_S)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._timer = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        """Accept what the others left, if they do so again and again twice as many each time."""
        self._loop.add_reader(self._socket, self._on_connection)
        for _ in range(self._left):
            if not self._accept():
                self._left = 1
                return
        self._left *= 2

    def _accept(self) -> bool:
        """Accept one connection; return False if there is none."""
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError:  # of the open files: the connection waits until one is closed
            self._pause(_RETRY_S)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it is gone already
            await self._loop.connect_accepted_socket(self._make_protocol, connection, ssl=self._ssl)


async def _serve(
    make_protocol: MakeProtocol,
    *,
    sock: socket.socket,
    ssl: SSLContext | None,
    backlog: int,
    held: Sized,
    counts: ConnectionCounts,
) -> FairServer:
    sock.setblocking(False)
    sock.listen(backlog)
    return FairServer(make_protocol, sock, held, counts, ssl)


def fair_loop(held: Sized, file: Path) -> asyncio.AbstractEventLoop:
    """Return the event loop of a worker that holds these connections; `file` is all workers'."""
    loop = auto_loop_factory(use_subprocess=True)()
    serve = partial(_serve, held=held, counts=ConnectionCounts(file))
    loop.create_server = serve  # type: ignore[method-assign,assignment] # uvicorn's only call
    return loop
