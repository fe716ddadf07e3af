"""JSON responses written piece by piece, so that no response is in memory as a whole.

The pieces are made in the slots for computations, a slice of a few hundredths of a second at a
time: a large response neither holds a slot until its client has read it, nor outruns the client.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

import orjson
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.serve.service import Service

Row = TypeVar("Row")
Key = TypeVar("Key")

_SLICE_S = 0.05
_SLICE_BYTES = 2**18
STEP_ROWS = 100  # read from the database at once: of the longest texts they are 13 MB


async def json_stream(
    service: Service, pieces: Iterator[bytes], *, is_light: bool = False
) -> Response:
    """Return a response whose body is these pieces; a short one is sent as a whole.

    Errors of the first slice get their status; a later one breaks the connection off. A light one
    needs no slot.
    """
    run = run_in_threadpool if is_light else service.compute_limit.run
    first, more = await run(partial(_slice, pieces))
    if not more:
        return Response(first, media_type="application/json")

    async def chunks() -> AsyncIterator[bytes]:
        """Yield the first piece, then what follows it."""
        yield first
        more = True
        while more:
            chunk, more = await run(partial(_slice, pieces))
            yield chunk

    return StreamingResponse(chunks(), media_type="application/json")


def json_list(values: Iterator[object]) -> Iterator[bytes]:
    """Yield a JSON list in pieces."""
    separator = b"["
    for value in values:
        yield separator + orjson.dumps(value)
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def json_object(fields: Mapping[str, Iterator[bytes]]) -> Iterator[bytes]:
    """Yield a JSON object of such values in pieces."""
    separator = b"{"
    for name, value in fields.items():
        yield separator + orjson.dumps(name) + b":"
        yield from value
        separator = b","
    yield b"}"


def read_in_steps(
    service: Service,
    fetch: Callable[[Connection, Key | None, int], list[Row]],
    key: Callable[[Row], Key],
    *,
    after: Key | None,
    count: int,
) -> Iterator[Row]:
    """Yield up to `count` rows behind a key, each step in a transaction of its own."""
    while count > 0:
        step = min(count, STEP_ROWS)
        with service.database.read() as connection:
            rows = fetch(connection, after, step)
        yield from rows
        if len(rows) < step:
            return
        after, count = key(rows[-1]), count - step


def _slice(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """Return some bytes, and whether there may be more."""
    parts: list[bytes] = []
    size, end = 0, time.monotonic() + _SLICE_S
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= _SLICE_BYTES or time.monotonic() >= end:
            return b"".join(parts), True
    return b"".join(parts), False
