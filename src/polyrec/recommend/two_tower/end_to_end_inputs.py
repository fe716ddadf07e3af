"""What lies between content and recommender, for one that trains it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyrec.contracts import LearnsFromDecoded, TrainsEndToEnd
from polyrec.encode.base import PerItemEncoder
from polyrec.encode.run import EncodeContext, decode_contents, encode_contents
from polyrec.types import FUSED, Interactions, Raw, Views


@dataclass(frozen=True)
class EndToEndInputs:
    """The fitted parts between content and recommender, and what they are trained on.

    The encoders that are networks of ours are trained further, with the fuser; the aligner stays.
    """

    encoders: Mapping[str, Any]  # view -> encoder
    prepared: Mapping[str, Sequence[Any]]  # view that learns -> (n,) decoded contents or None
    views: Views  # as encoded
    aligner: Any
    fuser: Any


def learn_end_to_end(
    model: TrainsEndToEnd,
    train: Interactions,
    before: tuple[Views, Views],
    *,
    parts: Any,
    contents: Mapping[str, Sequence[Raw | None]],
    context: EncodeContext,
) -> Views:
    """Train a fitted model and all `parts` before it as one; return the views that they make then.

    `before` is what they made until now: as encoded, and as aligned and fused.
    """
    decoded = {
        name: decode_contents(encoder, contents[name], context, stage=f"encode {name}")
        for name, encoder in parts.encoders.items()
        if isinstance(encoder, PerItemEncoder) and isinstance(encoder, LearnsFromDecoded)
    }
    inputs = EndToEndInputs(parts.encoders, decoded, before[0], parts.aligner, parts.fuser)
    model.fit_end_to_end(train, before[1], inputs)
    encoded = {
        name: encode_contents(encoder, contents[name], context, stage=f"encode {name}")
        for name, encoder in parts.encoders.items()
    }
    aligned = dict(parts.aligner.align(encoded))
    aligned[FUSED] = parts.fuser.fuse(aligned)
    model.refresh_item_vectors(aligned)
    return aligned
