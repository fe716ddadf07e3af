"""Read the variables of a TensorFlow checkpoint without TensorFlow.

Its index is a table of LevelDB (github.com/google/leveldb, doc/table_format.md): blocks of keys,
which share prefixes, and values, here protocol buffers (BundleEntryProto) with a variable's type,
shape, and range of bytes in the data file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from polyrec.errors import ExtraError
from polyrec.types import Floats

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48
_FLOAT = 1  # DT_FLOAT
_LEAVES = {
    "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
_AXES = {4: (3, 2, 0, 1), 2: (1, 0)}  # of kernels, in torch's order


def repack_musicnn(files: Mapping[str, bytes], folder: Path) -> None:
    """Write MusiCNN's variables under torch's names into a folder; its tags are left out."""
    index, data = files.values()
    state = {}
    for name, values in read_variables(index, data).items():
        layer, _, leaf = name.partition("/")
        if leaf in _LEAVES and layer != "dense_1":
            rows = values.transpose(_AXES[values.ndim]) if leaf == "kernel" else values
            state[f"{layer}.{_LEAVES[leaf]}"] = np.ascontiguousarray(rows)
    save_file(state, folder / "model.safetensors")


def read_variables(index: bytes, data: bytes) -> dict[str, Floats]:
    """Return name -> values of the float32 variables of a checkpoint with one data file."""
    if index[-8:] != _MAGIC:
        raise ExtraError("not the index of a TensorFlow checkpoint", received=repr(index[-8:]))
    footer = _Bytes(index[-_FOOTER:])
    footer.varint(), footer.varint()  # where the index of filters is
    variables = {}
    for _, handle in _entries(index, footer):
        for key, value in _entries(index, _Bytes(handle)):
            fields = _fields(value)
            if not key or fields.get(1, [0])[-1] != _FLOAT:  # "" is the header
                continue
            shape = [_fields(size).get(1, [0])[-1] for size in _fields(fields[2][-1]).get(2, [])]
            start = fields.get(4, [0])[-1]
            values = np.frombuffer(data, "<f4", fields[5][-1] // 4, start)
            variables[key.decode()] = values.reshape(shape)
    return variables


class _Bytes:
    """Bytes that are read from their start."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.content[self.position]
            self.position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def take(self, count: int) -> bytes:
        self.position += count
        return self.content[self.position - count : self.position]


def _entries(index: bytes, handle: _Bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of the block that a handle points to."""
    start, size = handle.varint(), handle.varint()
    if index[start + size]:
        raise ExtraError("a compressed index can't be read", received=str(index[start + size]))
    (restarts,) = struct.unpack_from("<I", index, start + size - 4)
    block = _Bytes(index[start : start + size - 4 * (restarts + 1)])
    key = b""
    while block.position < len(block.content):
        shared, rest, length = block.varint(), block.varint(), block.varint()
        key = key[:shared] + block.take(rest)
        yield key, block.take(length)


def _fields(message: bytes) -> dict[int, list[Any]]:
    """Return field number -> its values in a protocol buffer."""
    fields: dict[int, list[Any]] = {}
    reader = _Bytes(message)
    while reader.position < len(message):
        number, kind = divmod(reader.varint(), 8)
        is_number = kind == 0
        length = 0 if is_number else {1: 8, 5: 4}.get(kind) or reader.varint()
        value = reader.varint() if is_number else reader.take(length)
        fields.setdefault(number, []).append(value)
    return fields
