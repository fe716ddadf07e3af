"""The fitted parts of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from polyrec.contracts import Aligner, Encoder, Fuser, Recommender
from polyrec.types import FUSED, Embeddings, Views


@dataclass(frozen=True)
class Parts:
    """The fitted parts: with them, serving treats a new item as training did."""

    encoders: Mapping[str, Encoder]  # view -> encoder
    aligner: Aligner
    fuser: Fuser
    recommender: Recommender
    imputer: Aligner | None = None  # fills in what is absent, before fusing

    def impute_and_fuse(self, aligned: Views) -> dict[str, Embeddings]:
        """Return aligned views, filled in, with the fused one."""
        filled = dict(aligned if self.imputer is None else self.imputer.align(aligned))
        return {**filled, FUSED: self.fuser.fuse(filled)} if filled else filled

    @property
    def all_parts(self) -> tuple[object, ...]:
        """Return all of them."""
        return (*self.encoders.values(), self.aligner, self.fuser, self.recommender)
