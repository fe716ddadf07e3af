"""What recommenders read of content: weights that fit the views."""

import numpy as np
import pytest

from polyrec.errors import FitError
from polyrec.recommend.content_features import check_weights
from polyrec.types import Embeddings

VIEWS = {"text": Embeddings(np.eye(2, dtype=np.float32), np.zeros(2, bool))}


@pytest.mark.parametrize("weights", [None, {}, {"text": 0.0}, {"text": 3}])
def test_weights_of_views_that_are_there_fit(weights: dict | None) -> None:
    check_weights(weights, VIEWS)


@pytest.mark.parametrize(
    "weights", [{"sound": 1.0}, {"text": -1.0}, {"text": np.nan}, {"text": np.inf}]
)
def test_weights_that_do_not_fit_are_refused(weights: dict) -> None:
    with pytest.raises(FitError, match=r"weights don't fit the views.*name views of text"):
        check_weights(weights, VIEWS)
    with pytest.raises(FitError, match="name views of none"):
        check_weights(weights, {})
