"""Tell a file that was cut off from a whole one by what its container declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import BinaryIO

from polyrec.errors import MediaError

_OGG_PAGE = 65_307  # bytes of the longest page
_STREAMED = (0, 0xFFFFFFFF)  # what a writer puts who could not go back to the header


def check_whole(file: BinaryIO) -> None:
    """Raise `MediaError` where the container declares more bytes than there are.

    RIFF (wav, avi), Ogg, MP4 and Matroska are known; of others the decoder has to tell.
    """
    head = file.read(16)
    size = file.seek(0, os.SEEK_END)
    for marks, end_of in _CONTAINERS.items():
        if any(head[place : place + len(mark)] == mark for mark, place in marks):
            declared = end_of(file, head, size)
            if declared > size:
                told = f"{size:,} bytes"
                remedy = f"the file declares {declared:,}: get a whole copy"
                raise MediaError("cut off", received=told, remedy=remedy, status="truncated")
    file.seek(0)


def _riff(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one form for all
    declared = int.from_bytes(head[4:8], "little")
    return 0 if declared in _STREAMED else 8 + declared


def _ogg(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one form for all
    file.seek(max(0, size - _OGG_PAGE))
    tail = file.read()
    last = tail.rfind(b"OggS")
    if last < 0 or len(tail) < last + 27:
        return size + 1
    counts = tail[last + 27 : last + 27 + tail[last + 26]]
    body = last + 27 + len(counts) + sum(counts)
    ends = bool(tail[last + 5] & 4)
    return size + (0 if ends and body <= len(tail) else 1)


def _mp4(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one form for all
    place = 0
    while place + 8 <= size:
        file.seek(place)
        box = file.read(16)
        length = int.from_bytes(box[:4], "big")
        if length == 1:
            length = int.from_bytes(box[8:16], "big")
        if length < 8:
            return size if length == 0 else place  # 0: up to the end of the file
        place += length
    return place


def _matroska(file: BinaryIO, head: bytes, size: int) -> int:  # noqa: ARG001 - one form for all
    file.seek(4)
    length = _number(file)
    if length is None:
        return 0
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _number(file)
    return 0 if length is None else file.tell() + length


def _number(file: BinaryIO) -> int | None:
    """Return an EBML number (RFC 8794, section 4); None where it is unknown."""
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
