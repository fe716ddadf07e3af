"""Keep a training's whole state, so that one which was killed goes on as if it never had been.

One safetensors file: the module, its best weights, the optimizer, every generator; the plain rest
as JSON in the file's own header. No pickle.
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


def write(path: Path, tensors: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Write beside the place and move there: a killed write leaves the file before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(whole, fresh, metadata={"training": json.dumps(told)})
    fresh.replace(path)


def read(path: Path) -> tuple[Tensors, dict[str, Any]] | None:
    """Return the tensors and what was told beside them; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {})["training"])
            return {name: file.get_tensor(name) for name in file.keys()}, told  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError) as error:
        remedy = "delete it to begin anew"
        raise FitError("a checkpoint can't be read", received=str(path), remedy=remedy) from error


def within(prefix: str, tensors: Mapping[str, Any]) -> Tensors:
    """Return the tensors under a prefix, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
