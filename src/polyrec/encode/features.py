"""Feature rows that come with the data, unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from polyrec.contracts import learned, part
from polyrec.data.catalog import FeatureRows
from polyrec.encode.base import NOT_FINITE, BaseEncoder
from polyrec.errors import FitError
from polyrec.types import Embeddings, Interactions, Raw


@part
class Features(BaseEncoder):
    """Pass feature rows through as float32; rows that are not finite are absent.

    >>> encoder = Features().fit([np.array([1.0, 2.0])], None)
    >>> encoder.encode([None, np.array([3.0, 4.0])]).present
    array([False,  True])
    """

    modality: str = "any"

    width_: int = learned()
    card_: dict[str, Any] = learned()  # of the feature pack that the rows are from

    @property
    def width(self) -> int:
        """Return d, the width of the rows in fit."""
        return self.width_

    @property
    def space(self) -> str:
        """Return the space of the encoder that made the rows, where a pack names it."""
        return str(self.card_.get("space", ""))

    def card(self) -> Mapping[str, Any]:
        """Return the card of the encoder that made the rows, where a pack holds it."""
        return self.card_ or {**super().card(), "licence": "unknown: as the data's"}

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:  # noqa: ARG002
        """Learn the width and the origin of the rows."""
        first = next((row for row in contents if row is not None), None)
        if first is not None and not isinstance(first, np.ndarray):
            remedy = "use another encoder, or name the npy file in data.features"
            raise FitError("not a feature row", received=type(first).__name__, remedy=remedy)
        self.width_ = 0 if first is None else first.size
        self.card_ = dict(contents.card) if isinstance(contents, FeatureRows) else {}
        return self

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per content; a row of another width raises `FitError`."""
        vectors = np.zeros((len(contents), self.width_), np.float32)
        present = np.zeros(len(contents), bool)
        problems = {}
        for i, row in enumerate(contents):
            if row is None:
                continue
            values = np.asarray(row, np.float32).reshape(-1)
            if len(values) != self.width_:
                remedy = f"rows have {self.width_} numbers"
                raise FitError(
                    "a feature row of another width", received=len(values), remedy=remedy
                )
            if np.isfinite(values).all():
                vectors[i], present[i] = values, True
            else:
                problems[i] = NOT_FINITE
        return Embeddings(vectors, present, problems, self.space)
