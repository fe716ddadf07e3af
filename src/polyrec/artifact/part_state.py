"""Turn the learned attributes of a part into arrays and JSON, and back; no pickle.

A learned attribute may be a numpy array, a sparse matrix, a plain value, a list or tuple of plain
values, a string-keyed dict of all of these, or a list of registered parts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from polyrec.config import make_part
from polyrec.contracts import learned_attributes
from polyrec.errors import ConfigError
from polyrec.registry import find_class, room_and_name

_PLAIN = (str, int, float, bool, type(None))

Arrays = dict[str, npt.NDArray[Any]]


def part_settings(part: object) -> dict[str, Any]:
    """Return the settings of a part: the fields of its constructor."""
    fields = dataclasses.fields(part)  # type: ignore[arg-type]
    return {f.name: getattr(part, f.name) for f in fields if f.init}


def dump_learned(part: object) -> tuple[dict[str, Any], Arrays]:
    """Return the learned attributes of a part as a JSON tree, and the arrays that it refers to."""
    arrays: Arrays = {}
    learned = learned_attributes(part).items()
    return {name: _pack(value, name, arrays) for name, value in learned}, arrays


def load_learned(
    part: object, tree: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Set the learned attributes of a part from what `dump_learned` returned."""
    for name, node in tree.items():
        if name.endswith("_") and not name.startswith("_"):
            setattr(part, name, _unpack(node, arrays))


def _pack(value: Any, path: str, arrays: Arrays) -> dict[str, Any]:
    if isinstance(value, np.ndarray):
        return _pack_array(value, path, arrays)
    if sparse.issparse(value):
        matrix = sparse.csr_array(value)
        for piece in ("data", "indices", "indptr"):
            arrays[f"{path}.{piece}"] = getattr(matrix, piece)
        return {"csr": path, "shape": list(matrix.shape)}
    if isinstance(value, Mapping):
        return {"dict": {k: _pack(v, f"{path}/{k}", arrays) for k, v in value.items()}}
    if isinstance(value, list | tuple) and all(isinstance(item, _PLAIN) for item in value):
        return {"list" if isinstance(value, list) else "tuple": list(value)}
    if isinstance(value, list) and all(dataclasses.is_dataclass(item) for item in value):
        return {"parts": [_pack_part(p, f"{path}/{i}", arrays) for i, p in enumerate(value)]}
    if isinstance(value, _PLAIN):
        return {"value": value}
    raise TypeError(f"{path} is a {type(value).__name__}, which a bundle can't store")


def _pack_array(value: npt.NDArray[Any], path: str, arrays: Arrays) -> dict[str, Any]:
    if value.dtype.hasobject:
        raise TypeError(f"{path} holds Python objects, which a bundle can't store")
    arrays[path] = value
    return {"array": path}


def _pack_part(part: Any, path: str, arrays: Arrays) -> dict[str, Any]:
    try:
        room, name = room_and_name(part)
    except ConfigError as error:
        raise TypeError(f"{path} is not a registered part: a bundle can't store it") from error
    learned = learned_attributes(part).items()
    tree = {n: _pack(value, f"{path}/{n}", arrays) for n, value in learned}
    return {"room": room, "use": name, "settings": part_settings(part), "learned": tree}


def _unpack_part(node: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    where = f"{node['room']} {node['use']}"
    part = make_part(find_class(node["room"], node["use"]), node["settings"], where=where)
    load_learned(part, node["learned"], arrays)
    return part


def _unpack(node: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    if "array" in node:
        return arrays[node["array"]]
    if "csr" in node:
        path = node["csr"]
        pieces = tuple(arrays[f"{path}.{piece}"] for piece in ("data", "indices", "indptr"))
        return sparse.csr_array(pieces, shape=tuple(node["shape"]))
    if "dict" in node:
        return {key: _unpack(value, arrays) for key, value in node["dict"].items()}
    if "parts" in node:
        return [_unpack_part(part, arrays) for part in node["parts"]]
    if "tuple" in node:
        return tuple(node["tuple"])
    return node["list"] if "list" in node else node["value"]
