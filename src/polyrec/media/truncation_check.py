"""Detect truncated media files by the sizes that their containers declare."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import BinaryIO

from polyrec.errors import MediaError

_OGG_PAGE = 65_307  # bytes of the longest page
_STREAMED = (0, 0xFFFFFFFF)  # sizes of a writer that could not go back to the header


def check_not_truncated(file: BinaryIO) -> None:
    """Raise `MediaError` where the container declares more bytes than the file has.

    Handles RIFF (wav, avi), Ogg, MP4 and Matroska; other formats are left to the decoder.
    """
    head = file.read(16)
    size = file.seek(0, os.SEEK_END)
    for signatures, declared_size in _CONTAINERS.items():
        if any(head[at : at + len(signature)] == signature for signature, at in signatures):
            declared = declared_size(file, head, size)
            if declared > size:
                remedy = f"the file declares {declared:,}: get a complete copy"
                received = f"{size:,} bytes"
                raise MediaError("truncated", received=received, remedy=remedy, status="truncated")
    file.seek(0)


def _riff(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one signature for all
    declared = int.from_bytes(head[4:8], "little")
    return 0 if declared in _STREAMED else 8 + declared


def _ogg(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one signature for all
    file.seek(max(0, size - _OGG_PAGE))
    tail = file.read()
    last = tail.rfind(b"OggS")
    if last < 0 or len(tail) < last + 27:
        return size + 1
    counts = tail[last + 27 : last + 27 + tail[last + 26]]
    body = last + 27 + len(counts) + sum(counts)
    is_last_page = bool(tail[last + 5] & 4)
    return size + (0 if is_last_page and body <= len(tail) else 1)


def _mp4(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one signature for all
    position = 0
    while position + 8 <= size:
        file.seek(position)
        box = file.read(16)
        length = int.from_bytes(box[:4], "big")
        if length == 1:
            length = int.from_bytes(box[8:16], "big")
        if length < 8:
            return size if length == 0 else position  # 0: up to the end of the file
        position += length
    return position


def _matroska(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one signature for all
    file.seek(4)
    length = _ebml_number(file)
    if length is None:
        return 0
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _ebml_number(file)
    return 0 if length is None else file.tell() + length


def _ebml_number(file: BinaryIO) -> int | None:
    """Return a number (RFC 8794, section 4); None where it is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    value = int.from_bytes(bytes([first[0] & ((1 << (8 - width)) - 1)]) + rest, "big")
    return None if value == (1 << (7 * width)) - 1 else value


_CONTAINERS: Mapping[tuple[tuple[bytes, int], ...], Callable[[BinaryIO, bytes, int], int]] = {
    ((b"RIFF", 0),): _riff,
    ((b"OggS", 0),): _ogg,
    ((b"ftyp", 4), (b"moov", 4)): _mp4,
    ((b"\x1a\x45\xdf\xa3", 0),): _matroska,
}
"""(signature, its position) -> the size that a file declares."""
