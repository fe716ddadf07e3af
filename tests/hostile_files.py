"""Broken, hostile and odd files: name -> the statuses that each may get."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

ANY = frozenset({"missing", "damaged", "truncated", "too large", "wrong type", "refused"})

EITHER = frozenset({"either"})


def chunk(kind: bytes, content: bytes) -> bytes:
    body = struct.pack(">I", len(content)) + kind + content
    return body + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, content: bytes = b"") -> bytes:
    """Return a PNG that declares an extent, whatever it holds."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(content, 9))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


def bomb() -> bytes:
    """Return 30,000 x 30,000 pixels in a few kB."""
    packer = zlib.compressobj(9)
    row = bytes(3751)
    content = b"".join(packer.compress(row * 100) for _ in range(300)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0))
    # zeros packed twice: the outer stream is what a PNG may not have, the inner is legal
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def no_frames() -> bytes:
    """Return a video container with a stream and nothing in it."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.start_encoding()
    return buffer.getvalue()


def no_samples() -> bytes:
    wav = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16) + b"data" + bytes(4)
    return b"RIFF" + struct.pack("<I", len(wav)) + wav


def long_wav(seconds: int) -> bytes:
    """Return the header of a sound that declares hours, and a little of it."""
    size = seconds * 8000
    wav = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return (
        b"RIFF" + struct.pack("<I", size + 36) + wav + b"data" + struct.pack("<I", size) + bytes(99)
    )


def looping_gif() -> bytes:
    frames = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in range(40)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=1)
    return buffer.getvalue()


def garbage(intact: bytes, seed: int, share: float = 0.3) -> bytes:
    """Return a file with a stretch in its middle overwritten."""
    generator = np.random.default_rng(seed)
    start, length = len(intact) // 4, int(share * len(intact))
    return intact[:start] + generator.bytes(length) + intact[start + length :]


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


def write_all(folder: Path, kind: str, intact: bytes) -> dict[str, frozenset[str]]:
    """Write the bad files of a kind into a folder; return the statuses that each may get.

    An empty set: it is odd, but can be read.
    """
    files: dict[str, bytes] = {}
    expected: dict[str, frozenset[str]] = {}

    def put(name: str, content: bytes, may: frozenset[str] = ANY) -> None:
        files[name] = content
        expected[name] = may

    for share in (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        # an mp3 is a row of frames: where little is cut, it is a valid, shorter sound
        may = EITHER if kind == "audio" and share > 0.7 else ANY
        put(f"cut{share:.2f}", intact[: int(share * len(intact))], may)
    put("zeros", bytes(5000))
    put("noise", np.random.default_rng(0).bytes(5000))
    put("text.jpg", b"this is only text", frozenset({"wrong type"}))
    put("script.html", b"<script>alert(1)</script>" * 50, frozenset({"wrong type"}))
    put("list.m3u8", PLAYLIST, frozenset({"wrong type", "damaged"}))
    put("list.ffconcat", CONCAT, frozenset({"wrong type", "damaged"}))
    put("drawing.svg", SVG, frozenset({"wrong type"}))
    put("new\nline", intact, frozenset())
    put("quote'\"<b>", intact, frozenset())
    put("long" * 60, intact, frozenset())
    for name, content, may in _of_kind(kind, intact):
        put(name, content, may)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return expected | _not_files(folder, intact)


def _of_kind(kind: str, intact: bytes) -> list[tuple[str, bytes, frozenset[str]]]:
    if kind == "image":
        return [
            ("bomb.png", bomb(), frozenset({"too large"})),
            ("wide.png", png_of(2_000_000, 100), frozenset({"too large"})),
            ("nothing.png", png_of(0, 0), ANY),
            ("hollow.png", png_of(50, 50), ANY),
            ("loop.gif", looping_gif(), frozenset()),
            ("eps.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/x) run", ANY),
            ("sound.jpg", no_samples(), ANY),
        ]
    if kind == "audio":
        return [
            ("empty.wav", no_samples(), frozenset({"damaged"})),
            ("hours.wav", long_wav(400_000), frozenset({"too large", "truncated"})),
            ("picture.mp3", png_of(4, 4, bytes(8)), ANY),
            ("head.ogg", b"OggS" + bytes(40), ANY),
        ]
    return [
        ("frameless.mkv", no_frames(), ANY),
        ("sound.mp4", no_samples(), ANY),
        ("noise.mp4", intact[:64] + np.random.default_rng(1).bytes(4000), ANY),
        ("head.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", ANY),
    ]


def _not_files(folder: Path, intact: bytes) -> dict[str, frozenset[str]]:
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "device").symlink_to("/dev/zero")
    inside = folder / "behind"
    inside.symlink_to(next(p for p in folder.iterdir() if p.name.startswith("quote")))
    return {
        "pipe": frozenset({"wrong type"}),
        "folder": frozenset({"wrong type"}),
        "passwd": frozenset({"refused"}),
        "circle": frozenset({"refused", "missing"}),
        "device": frozenset({"refused"}),
        "behind": frozenset(),
        "gone": frozenset({"missing"}),
        "../../etc/passwd": frozenset({"refused"}),
        "/etc/shadow": frozenset({"refused"}),
        "zero\0byte": frozenset({"refused"}),
        "http://127.0.0.1:1/x.png": frozenset({"refused"}),
        "file:///etc/passwd": frozenset({"refused"}),
    }


Make = Callable[[Path, str, bytes], dict[str, frozenset[str]]]
