import numpy as np
import pytest

from polyrec.errors import FitError
from polyrec.fuse.concat import Concat
from polyrec.fuse.mean import WeightedMean
from polyrec.types import Embeddings


def view(rows: list, present: list | None = None) -> Embeddings:
    mask = np.ones(len(rows), bool) if present is None else np.array(present)
    return Embeddings(np.float32(rows), mask)


def test_a_missing_modality_does_not_pull_similarity_down() -> None:
    # items 0 and 1 have the same text; item 1 lacks the image
    views = {"text": view([[1, 0], [1, 0]]), "image": view([[0, 5], [0, 0]], [True, False])}
    fused = Concat().fit(views, None).fuse(views).vectors
    assert np.allclose(np.linalg.norm(fused, axis=1), 1)
    assert fused[1] @ fused[1] == pytest.approx(1)
    assert fused[0] @ fused[1] == pytest.approx(np.sqrt(0.5))


def test_weights_scale_the_blocks() -> None:
    views = {"text": view([[2, 0]]), "image": view([[0, 9]])}
    fused = Concat(weights={"text": 3.0, "image": 4.0}).fit(views, None).fuse(views).vectors
    assert np.allclose(fused, [[0, 0.8, 0.6, 0]])


def test_a_view_of_weight_zero_is_left_out() -> None:
    views = {"text": view([[2, 0]]), "image": view([[0, 9]])}
    assert Concat(weights={"text": 1.0}).fit(views, None).fuse(views).width == 2


def test_the_mean_of_what_is_there() -> None:
    views = {"text": view([[2, 0], [2, 0]]), "image": view([[0, 9], [0, 0]], [True, False])}
    fused = WeightedMean(weights={"text": 1.0, "image": 3.0}).fit(views, None).fuse(views)
    assert np.allclose(fused.vectors, [[0.25, 0.75], [1, 0]])


def test_views_of_different_widths_have_no_mean() -> None:
    views = {"text": view([[2, 0]]), "image": view([[0, 9, 1]])}
    with pytest.raises(FitError, match=r"views of different widths have no mean.*align\.use: cca"):
        WeightedMean().fit(views, None)


@pytest.mark.parametrize("fuser", [Concat, WeightedMean])
@pytest.mark.parametrize(
    "weights", [{"smell": 1.0}, {}, *({"text": w} for w in (0.0, -1.0, np.nan, np.inf))], ids=str
)
def test_weights_that_name_no_view_are_refused(fuser: type, weights: dict[str, float]) -> None:
    with pytest.raises(FitError, match="weights don't fit the views"):
        fuser(weights=weights).fit({"text": view([[2, 0]])}, None)
