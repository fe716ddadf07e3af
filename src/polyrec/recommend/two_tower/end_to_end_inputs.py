"""What lies between content and recommender, for one that trains it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyrec.encode.run import Work, decode, encode_contents
from polyrec.types import FUSED, Interactions, Raw, Views


@dataclass(frozen=True)
class Way:
    """The fitted parts between content and recommender, and what they are taught on.

    The encoders that can learn are trained on, with a trained fuser; the aligner stays as it is.
    """

    encoders: Mapping[str, Any]  # view -> encoder
    prepared: Mapping[str, Sequence[Any]]  # view that learns -> (n,) decoded contents or None
    views: Views  # as encoded
    aligner: Any
    fuser: Any


def learn_end_to_end(
    model: Any,
    train: Interactions,
    made: tuple[Views, Views],
    *,
    parts: Any,
    contents: Mapping[str, Sequence[Raw | None]],
    work: Work,
) -> Views:
    """Train a fitted model and all `parts` before it as one; return the views that they make then.

    `made` is what they made before: as encoded, and aligned and fused.
    """
    decoded = {
        name: decode(encoder, contents[name], work, stage=f"encode {name}")
        for name, encoder in parts.encoders.items()
        if hasattr(encoder, "learn")
    }
    way = Way(parts.encoders, decoded, made[0], parts.aligner, parts.fuser)
    model.learn_through(train, made[1], way)
    encoded = {
        name: encode_contents(encoder, contents[name], work, stage=f"encode {name}")
        for name, encoder in parts.encoders.items()
    }
    aligned = dict(parts.aligner.align(encoded))
    aligned[FUSED] = parts.fuser.fuse(aligned)
    model.settle(aligned)
    return aligned
