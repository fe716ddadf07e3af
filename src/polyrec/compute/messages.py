"""Messages between a run and its decoding processes: JSON and plain array bytes, no pickle."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from polyrec.types import Floats, Raw

_LENGTHS = struct.Struct(">IQ")  # of the JSON part, of the payload


def write_message(
    pipe: BinaryIO, header: dict[str, Any], payload: bytes | memoryview = b""
) -> None:
    """Write one message."""
    text = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(text), len(payload)))
    pipe.write(text)
    pipe.write(payload)
    pipe.flush()


def read_message(pipe: BinaryIO) -> tuple[dict[str, Any], bytearray]:
    """Return the header and payload of one message; `EOFError` if the pipe is closed."""
    text, payload = _LENGTHS.unpack(_read_exactly(pipe, _LENGTHS.size))
    return json.loads(_read_exactly(pipe, text)), _read_exactly(pipe, payload)


def pack_content(raw: Raw) -> tuple[dict[str, Any], bytes]:
    """Return content as a message: a path by its name, anything else by its bytes."""
    if isinstance(raw, Path):
        # names need not be UTF-8: their surrogate escapes survive JSON
        return {"path": os.fspath(raw)}, b""
    if isinstance(raw, str):
        return {"text": raw}, b""
    if isinstance(raw, bytes | bytearray):
        return {}, bytes(raw)
    raise TypeError(f"{type(raw).__name__} can't be sent to a decoding process")


def unpack_content(header: dict[str, Any], payload: bytearray) -> Raw:
    """Return the content of a message."""
    if "path" in header:
        return Path(header["path"])
    return header["text"] if "text" in header else bytes(payload)


def pack_array(array: Floats) -> tuple[dict[str, Any], memoryview]:
    """Return an array as a message."""
    contiguous = np.ascontiguousarray(array)
    header = {"dtype": contiguous.dtype.str, "shape": contiguous.shape}
    return header, contiguous.reshape(-1).view(np.uint8).data


def unpack_array(header: dict[str, Any], payload: bytearray) -> Floats:
    """Return the array of a message; an array of Python objects raises `ValueError`."""
    dtype = np.dtype(header["dtype"])
    if dtype.hasobject:
        raise ValueError("an array of objects")
    return np.frombuffer(payload, dtype).reshape(header["shape"])


def _read_exactly(pipe: BinaryIO, count: int) -> bytearray:
    buffer = bytearray(count)
    view = memoryview(buffer)
    filled = 0
    while filled < count:
        # an unbuffered pipe returns what it holds; a closed one returns nothing
        read = pipe.readinto(view[filled:])  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        filled += read
    return buffer
