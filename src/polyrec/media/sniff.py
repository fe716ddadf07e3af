"""Detect the type of a file by its first bytes, whatever its name."""

from __future__ import annotations

from typing import NamedTuple

_SOUND = frozenset({"audio"})
_PICTURE = frozenset({"image"})
_EITHER = frozenset({"audio", "video"})  # a video's sound track may be read as sound
_NOTHING: frozenset[str] = frozenset()


class Kind(NamedTuple):
    """A media type, and the modalities as which such a file can be read."""

    media_type: str
    modalities: frozenset[str]


_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", Kind("image/jpeg", _PICTURE)),
    (b"\x89PNG\r\n\x1a\n", Kind("image/png", _PICTURE)),
    (b"GIF87a", Kind("image/gif", _PICTURE)),
    (b"GIF89a", Kind("image/gif", _PICTURE)),
    (b"BM", Kind("image/bmp", _PICTURE)),
    (b"II*\0", Kind("image/tiff", _PICTURE)),
    (b"MM\0*", Kind("image/tiff", _PICTURE)),
    (b"ID3", Kind("audio/mpeg", _SOUND)),
    (b"fLaC", Kind("audio/flac", _SOUND)),
    (b"OggS", Kind("application/ogg", _EITHER)),
    (b"\x1a\x45\xdf\xa3", Kind("video/webm", _EITHER)),
    (b"\0\0\x01\xba", Kind("video/mpeg", _EITHER)),
    (b"PK\x03\x04", Kind("application/zip", _NOTHING)),
    (b"%PDF", Kind("application/pdf", _NOTHING)),
    (b"\x1f\x8b", Kind("application/gzip", _NOTHING)),
    (b"Rar!", Kind("application/vnd.rar", _NOTHING)),
    (b"7z\xbc\xaf", Kind("application/x-7z-compressed", _NOTHING)),
    (b"\x7fELF", Kind("application/x-executable", _NOTHING)),
    (b"MZ", Kind("application/x-executable", _NOTHING)),
)
_RIFF = {
    b"WAVE": Kind("audio/wav", _SOUND),
    b"AVI ": Kind("video/x-msvideo", _EITHER),
    b"WEBP": Kind("image/webp", _PICTURE),
}
_TEXT = Kind("text/plain", frozenset({"text"}))
_UNKNOWN = Kind("application/octet-stream", _NOTHING)

HEAD = 4096
"""The number of bytes that `sniff` needs."""


def sniff(head: bytes) -> Kind:
    r"""Return the kind of a file that begins with these bytes.

    >>> sniff(b"\x89PNG\r\n\x1a\n...").media_type, sniff("Grüße".encode()).media_type
    ('image/png', 'text/plain')
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], _UNKNOWN)
    if head[4:8] == b"ftyp":
        return _ftyp(head[8:12])
    # a frame of MPEG audio: eleven bits set, no reserved version, layer, bit rate or sample rate
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and _frame(head):
        return Kind("audio/mpeg", _SOUND)
    return _TEXT if _readable(head) else _UNKNOWN


def _ftyp(brand: bytes) -> Kind:
    if brand in (b"avif", b"avis"):
        return Kind("image/avif", _PICTURE)
    if brand in (b"heic", b"heix", b"mif1", b"msf1"):
        return Kind("image/heic", _PICTURE)
    if brand in (b"M4A ", b"M4B "):
        return Kind("audio/mp4", _SOUND)
    return Kind("video/mp4", _EITHER)


def _frame(head: bytes) -> bool:
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, frequency = head[2] >> 4, head[2] >> 2 & 3
    adts = layer == 0 and head[1] & 0xF6 == 0xF0  # AAC
    return adts or (version != 1 and layer != 0 and rate != 15 and frequency != 3)


def _readable(head: bytes) -> bool:
    """Return whether bytes are the beginning of a text in UTF-8."""
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # cut within the last character
        return error.start >= len(head) - 3 and len(head) >= HEAD
    return True
