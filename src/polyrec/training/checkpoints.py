"""Checkpoints: the whole state of a training, so that one that was killed resumes bit for bit.

One safetensors file: the module, its best weights, the optimizer, every generator; plain values as
JSON in the file's own header. No pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from polyrec.errors import FitError

Tensors = dict[str, Any]


def write_checkpoint(path: Path, tensors: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write tensors and plain values; a write that is killed leaves the earlier file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(copies, fresh, metadata={"training": json.dumps(state)})
    fresh.replace(path)


def read_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]] | None:
    """Return the tensors and plain values; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["training"])
            return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError) as error:
        remedy = "delete it to start over"
        raise FitError("a checkpoint can't be read", received=str(path), remedy=remedy) from error


def strip_prefix(prefix: str, tensors: Mapping[str, Any]) -> Tensors:
    """Return the tensors whose names start with a prefix, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
