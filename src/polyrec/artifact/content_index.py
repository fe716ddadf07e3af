"""Find items by content: nearest to other items, or to new content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from polyrec.artifact.parts import Parts
from polyrec.errors import DataError, nearest
from polyrec.index.exact import ExactIndex
from polyrec.index.vectors import unit_rows
from polyrec.types import FUSED, Embeddings, Floats, Views


@dataclass(frozen=True, eq=False)
class ContentIndex:
    """The views of n items, compared by cosine, and the parts that map new content into them."""

    views: Views  # aligned, and FUSED
    parts: Parts
    _indexes: dict[str, ExactIndex] = field(default_factory=dict, init=False, repr=False)

    def view(self, name: str) -> Embeddings:
        """Return a view; an unknown name raises `DataError`."""
        if name not in self.views:
            raise DataError("no such view", received=name, remedy=nearest(name, self.views))
        return self.views[name]

    def score(self, view: str, vectors: Floats, weights: Floats | None = None) -> Floats:
        """Return (n,) the cosine to the mean direction of (m, d) vectors; -inf for absent rows.

        With (m,) `weights`, the directions are added up by these; negative ones point away.
        """
        if view not in self._indexes:
            rows = self.view(view)
            self._indexes[view] = ExactIndex(rows.vectors, rows.present)
        if weights is not None:
            vectors = (weights @ unit_rows(vectors))[None]
        elif len(vectors) > 1:
            vectors = unit_rows(vectors).mean(axis=0, keepdims=True)
        scores: Floats = self._indexes[view].score(vectors)[0]
        return scores

    def embed(self, view: str, encoded: Mapping[str, Embeddings]) -> Floats:
        """Return (m, d) vectors in a view of one row per content, encoded for the view it names.

        In the fused view all contents are fused as one item (m = 1). Any other view takes contents
        that were encoded for it or that share its space; others raise `DataError`.
        """
        aligned = {
            name: self.parts.aligner.align({name: rows})[name] for name, rows in encoded.items()
        }
        if view == FUSED:
            fused: Floats = self.parts.impute_and_fuse(aligned)[FUSED].vectors
            return fused
        space = self.view(view).space
        for name, rows in aligned.items():
            if name != view and (not rows.space or rows.space != space):
                remedy = (
                    f"compare in {name}, or align both views: a joint model such as CLIP, or cca"
                )
                pair = f"{name} and {view}"
                raise DataError("these views share no space", received=pair, remedy=remedy)
        return np.concatenate([rows.vectors for rows in aligned.values()])
