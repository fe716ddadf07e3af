"""Packs: frozen features with their ids, origin and card in one safetensors file.

Tensors `VIEW.vectors` (n, d) float32 and `VIEW.present` (n,) bool; the header holds the item ids
and for each view its encoder and card, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from polyrec.errors import DataError, nearest
from polyrec.types import Embeddings, Views

PACK_SUFFIX = ".safetensors"
_FORMAT = "polyrec pack 1"


@dataclass(frozen=True)
class PackedView:
    """One view of a pack."""

    ids: tuple[str, ...]
    view: Embeddings
    card: Mapping[str, Any]


def write_pack(
    path: Path, ids: Sequence[str], views: Views, cards: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Write a pack, beside its place first, so that a half-written one is never taken for one."""
    tensors: dict[str, Any] = {
        f"{name}.vectors": np.ascontiguousarray(v.vectors) for name, v in views.items()
    }
    tensors |= {f"{name}.present": view.present for name, view in views.items()}
    told = {"format": _FORMAT, "ids": json.dumps(list(ids), ensure_ascii=False)}
    spaces = {name: {**cards.get(name, {}), "space": view.space} for name, view in views.items()}
    told["cards"] = json.dumps(spaces, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    save_file(tensors, fresh, metadata=told)
    fresh.replace(path)
    return path


def read_pack(path: Path, name: str) -> PackedView:
    """Return the view of a name; where a pack has one view alone, that one."""
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            if told.get("format") != _FORMAT:
                remedy = "make it with polyrec encode --pack"
                raise DataError("not a polyrec pack", received=path.name, remedy=remedy)
            ids, cards = json.loads(told["ids"]), json.loads(told["cards"])
            found = name if name in cards else next(iter(cards)) if len(cards) == 1 else ""
            if not found:
                remedy = nearest(name, cards)
                raise DataError("the pack has no such view", received=name, remedy=remedy)
            vectors, present = (file.get_tensor(f"{found}.{x}") for x in ("vectors", "present"))
    except FileNotFoundError as error:
        raise DataError("no pack here", received=path.name, remedy="check data.features") from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        remedy = "copy it again, or make it again with polyrec encode --pack"
        raise DataError(
            "the pack can't be read", received=str(error)[:120], remedy=remedy
        ) from error
    card = cards[found]
    view = Embeddings(vectors, present.astype(bool), space=card.get("space", ""))
    return PackedView(tuple(ids), view, card)
