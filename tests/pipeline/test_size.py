"""A catalogue's size chooses the default model, and refuses one that can't fit, before encoding."""

from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec.compute.memory_limit import memory_limit
from polyrec.config import Config, parse_config
from polyrec.data.load import Dataset
from polyrec.errors import FitError
from polyrec.pipeline import size
from polyrec.pipeline.size import is_large, leaves_model_open, size_findings, sized_config
from polyrec.recommend import SparseLinear


def config(recommend: dict | None = None) -> Config:
    tree: dict = {"data": {"path": "."}}
    if recommend is not None:
        tree["recommend"] = recommend
    return parse_config(tree, folder=Path())


@pytest.mark.parametrize("recommend", [None, {}, {"use": "auto"}])
def test_an_open_choice_follows_the_size(recommend: dict | None) -> None:
    small, large = (sized_config(config(recommend), items) for items in (5_000, 200_000))
    assert small.recommend.use == "multimodal_linear"
    assert large.recommend.use == "sparse_linear"
    assert leaves_model_open(large)  # a better baseline may still take its place
    assert not size_findings(config(recommend), 5_000)
    (note,) = size_findings(config(recommend), 200_000)
    assert note.level == "note"
    assert "200,000 items get sparse_linear" in note.what


@pytest.mark.parametrize(
    "recommend",
    [
        {"use": "ease"},
        {"use": "multimodal_linear"},
        {"l2": 5},
        {"use": "blend", "members": [{"use": "item_knn"}, {"use": "ease"}]},
    ],
)
def test_a_named_model_that_does_not_fit_is_an_error_with_a_remedy(recommend: dict) -> None:
    with pytest.raises(FitError, match="a dense model of 3,000,000 items needs") as error:
        sized_config(config(recommend), 3_000_000)
    assert "sparse_linear" in str(error.value)
    (finding,) = size_findings(config(recommend), 3_000_000)
    assert finding.level == "error"
    assert sized_config(config(recommend), 1_000) == config(recommend)


def test_a_model_without_bounds_is_left_alone() -> None:
    chosen = config({"use": "item_knn"})
    assert sized_config(chosen, 3_000_000) is chosen


def test_the_limit_is_that_of_the_container(tmp_path: Path) -> None:
    whole = memory_limit(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit(tmp_path) == whole
    (tmp_path / "memory.max").write_text("1048576\n")
    assert memory_limit(tmp_path) == 2**20


def test_memory_alone_can_make_a_catalogue_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_large(10_000)
    monkeypatch.setattr(size, "memory_limit", lambda: 2**30)
    assert is_large(10_000)


def test_a_run_fits_the_sparse_form_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(size, "DENSE_ITEMS", 20)
    monkeypatch.setattr("polyrec.pipeline.run.choose_baselines", lambda *_, **__: [])
    generator = np.random.default_rng(1)
    users, items = np.nonzero(generator.random((60, 30)) < 0.2)
    data = Dataset.from_frames({"user_id": users.astype(str), "item_id": items.astype(str)})
    caplog.set_level("INFO")
    bundle = polyrec.run(data)
    assert bundle.config.recommend.use == "sparse_linear"
    assert isinstance(bundle.parts.recommender, SparseLinear)
    assert "30 items get sparse_linear" in caplog.text
