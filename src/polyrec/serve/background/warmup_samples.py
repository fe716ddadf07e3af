"""The smallest contents there are, for encoders to be loaded with before anybody waits for them."""

from __future__ import annotations

import io
import struct
import wave
import zlib

_SIDE = 32  # pixels
_RATE = 16000  # Hz


def grey_png() -> bytes:
    """Return a grey PNG."""
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * _SIDE) * _SIDE)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def silent_wav() -> bytes:
    """Return a second of silence as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes(bytes(2 * _RATE))
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
