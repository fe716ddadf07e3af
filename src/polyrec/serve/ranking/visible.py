"""Pick the best of a model's rows, less those that are hidden."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from polyrec.index.topk import top_of_row
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Floats, Ints


def rows_of_model(model: ServingModel, ids: Iterable[str]) -> Ints:
    """Return the model's rows of the ids that it has."""
    return np.array([model.rows[name] for name in ids if name in model.rows], np.int64)


def hide_rows(scores: Floats, rows: Ints) -> None:
    """Set the scores of these rows to -inf, in place; rows beyond the scores have none."""
    if len(rows):
        scores[rows[rows < len(scores)]] = -np.inf


def best_ids(model: ServingModel, scores: Floats, k: int) -> tuple[list[str], list[float]]:
    """Return the ids with the k best scores above -inf, best first, and the scores."""
    rows, values = top_of_row(scores, k)
    ids = model.ids
    return [ids[row] for row in rows.tolist()], values.tolist()
