"""Packs: features with their item ids and the cards of their encoders in one safetensors file.

Tensors `VIEW.vectors` (n, d) float32 and `VIEW.present` (n,) bool; the header holds the item ids
and, for each view, the card and space of its encoder, as JSON.
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
    """Write a pack and return its path; it is renamed when complete, so it is never partial."""
    tensors: dict[str, Any] = {
        f"{name}.vectors": np.ascontiguousarray(v.vectors) for name, v in views.items()
    }
    tensors |= {f"{name}.present": view.present for name, view in views.items()}
    metadata = {"format": _FORMAT, "ids": json.dumps(list(ids), ensure_ascii=False)}
    entries = {name: {**cards.get(name, {}), "space": view.space} for name, view in views.items()}
    metadata["cards"] = json.dumps(entries, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)
    return path


def read_pack(path: Path, name: str) -> PackedView:
    """Return a view by name; a pack with a single view returns it under any name."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                remedy = "make it with polyrec encode --pack"
                raise DataError("not a polyrec pack", received=path.name, remedy=remedy)
            ids, cards = json.loads(metadata["ids"]), json.loads(metadata["cards"])
            view_name = next(iter(cards)) if len(cards) == 1 else name
            if view_name not in cards:
                remedy = nearest(name, cards)
                raise DataError("the pack has no such view", received=name, remedy=remedy)
            vectors, present = (file.get_tensor(f"{view_name}.{x}") for x in ("vectors", "present"))
    except FileNotFoundError as error:
        remedy = "check data.features"
        raise DataError("no such pack", received=path.name, remedy=remedy) from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        remedy = "copy it again, or make it again with polyrec encode --pack"
        received = str(error)[:120]
        raise DataError("the pack can't be read", received=received, remedy=remedy) from error
    card = cards[view_name]
    view = Embeddings(vectors, present.astype(bool), space=card.get("space", ""))
    return PackedView(tuple(ids), view, card)
