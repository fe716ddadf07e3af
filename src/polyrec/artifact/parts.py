"""The fitted parts of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from polyrec.contracts import Aligner, Encoder, Fuser, Recommender
from polyrec.types import FUSED, Embeddings, Views


@dataclass(frozen=True)
class Parts:
    """The fitted parts; a new item in the service takes the same path as an item in training."""

    encoders: Mapping[str, Encoder]  # view -> encoder
    aligner: Aligner
    fuser: Fuser
    recommender: Recommender
    imputer: Aligner | None = None  # fills in absent rows, before fusing

    def impute_and_fuse(self, aligned: Views) -> dict[str, Embeddings]:
        """Return aligned views with absent rows imputed, and FUSED."""
        views = dict(aligned if self.imputer is None else self.imputer.align(aligned))
        return {**views, FUSED: self.fuser.fuse(views)} if views else views

    @property
    def all_parts(self) -> tuple[object, ...]:
        """Return encoders, aligner, fuser and recommender."""
        return (*self.encoders.values(), self.aligner, self.fuser, self.recommender)
