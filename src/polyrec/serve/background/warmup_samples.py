"""The smallest contents, to load encoders with before the first upload."""

from __future__ import annotations

import io
import struct
import wave
import zlib

_SIDE = 32  # pixels
_RATE = 16000  # Hz


def grey_png() -> bytes:
    """Return a grey image as PNG."""
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * _SIDE) * _SIDE)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def silent_wav() -> bytes:
    """Return a second of silence as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE)
        writer.writeframes(bytes(2 * _RATE))
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
