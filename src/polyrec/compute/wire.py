"""How a run and the processes that decode for it talk: JSON and plain array bytes, no pickle."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from polyrec.types import Floats, Raw

_LENGTHS = struct.Struct(">IQ")  # of the JSON part, of the payload


def send(pipe: BinaryIO, told: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one message."""
    text = json.dumps(told).encode()
    pipe.write(_LENGTHS.pack(len(text), len(payload)))
    pipe.write(text)
    pipe.write(payload)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[dict[str, Any], bytearray]:
    """Return one message, or raise `EOFError` where the other side is gone."""
    text, payload = _LENGTHS.unpack(_exactly(pipe, _LENGTHS.size))
    return json.loads(_exactly(pipe, text)), _exactly(pipe, payload)


def pack_raw(raw: Raw) -> tuple[dict[str, Any], bytes]:
    """Return content as a message: a path by its name, anything else by its bytes."""
    if isinstance(raw, Path):
        # names needn't be UTF-8: the escapes survive JSON
        return {"path": os.fspath(raw)}, b""
    if isinstance(raw, str):
        return {"text": raw}, b""
    if isinstance(raw, bytes | bytearray):
        return {}, bytes(raw)
    raise TypeError(f"{type(raw).__name__} can't be sent to a decoder")


def unpack_raw(told: dict[str, Any], payload: bytearray) -> Raw:
    """Return the content of a message."""
    if "path" in told:
        return Path(told["path"])
    return told["text"] if "text" in told else bytes(payload)


def pack_array(array: Floats) -> tuple[dict[str, Any], memoryview]:
    """Return an array as a message."""
    whole = np.ascontiguousarray(array)
    return {"dtype": whole.dtype.str, "shape": whole.shape}, whole.reshape(-1).view(np.uint8).data


def unpack_array(told: dict[str, Any], payload: bytearray) -> Floats:
    """Return the array of a message; one of Python objects is refused by numpy."""
    dtype = np.dtype(told["dtype"])
    if dtype.hasobject:
        raise ValueError("an array of objects")
    return np.frombuffer(payload, dtype).reshape(told["shape"])


def _exactly(pipe: BinaryIO, count: int) -> bytearray:
    buffer = bytearray(count)
    view = memoryview(buffer)
    filled = 0
    while filled < count:
        # a raw pipe gives what is there; a closed one gives nothing
        got = pipe.readinto(view[filled:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        filled += got
    return buffer
