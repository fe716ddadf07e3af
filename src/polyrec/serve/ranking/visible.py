"""Pick the best of a model's rows, less those that are hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from polyrec.index.topk import top_of_row
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Bools, Floats, Ints


class ExcludedItems:
    """Items that lists of a request leave out; their rows are looked up once for all of them."""

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.ids = ids
        self._model: ServingModel | None = None
        self._model_rows: Ints = np.zeros(0, np.int64)
        self._catalog_rows: Ints | None = None

    def __bool__(self) -> bool:
        return bool(self.ids)

    def model_rows(self, model: ServingModel) -> Ints:
        """Return the model's rows of the items that it has."""
        if self._model is not model:
            self._model, self._model_rows = model, rows_of_model(model, self.ids)
        return self._model_rows

    def catalog_rows(self, live: LiveState) -> Ints:
        """Return the catalogue's rows of the items that were there at the first call."""
        if self._catalog_rows is None:
            self._catalog_rows = live.rows_of(self.ids)
        return self._catalog_rows


def rows_of_model(model: ServingModel, ids: Iterable[str]) -> Ints:
    """Return the model's rows of the ids that it has."""
    return np.array([model.rows[name] for name in ids if name in model.rows], np.int64)


def hide_rows(scores: Floats, rows: Ints) -> None:
    """Set the scores of these rows to -inf, in place; rows beyond the scores have none."""
    if len(rows):
        scores[rows[rows < len(scores)]] = -np.inf


def clear_rows(mask: Bools, rows: Ints) -> None:
    """Set rows of a mask to False, in place; items that came after it have no row there."""
    mask[rows[rows < len(mask)]] = False


def best_ids(model: ServingModel, scores: Floats, k: int) -> tuple[list[str], list[float]]:
    """Return the ids with the k best scores above -inf, best first, and the scores."""
    rows, values = top_of_row(scores, k)
    ids = model.ids
    return [ids[row] for row in rows.tolist()], values.tolist()
