from typing import Any

import numpy as np
import pytest

from polyrec.compute.stopwatch import Stopwatch
from polyrec.config import Config, parse_config
from polyrec.data.load import Dataset, load_dataset
from polyrec.evaluate.grid_search import Trial
from polyrec.pipeline import size
from polyrec.pipeline.baselines import Baseline, better_baseline, choose_baselines
from polyrec.pipeline.fitting import fit_bundle
from polyrec.types import silent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Forty users in two camps, each item of one of them."""
    folder = tmp_path_factory.mktemp("camps")
    generator = np.random.default_rng(3)
    lines = ["user_id,item_id,split"]
    for user in range(40):
        taken = generator.permutation([i for i in range(30) if i % 2 == user % 2])[:9]
        parts = ["train"] * 7 + ["valid", "test"]
        lines += [f"u{user},i{item},{part}" for item, part in zip(taken, parts, strict=True)]
    (folder / "interactions.csv").write_text("\n".join(lines))
    return folder


def loaded(folder: Any, **change: object) -> tuple[Config, Dataset]:
    tree = {"data": {"path": str(folder), "split": {"use": "given"}}, **change}
    config = parse_config(tree, folder=folder)
    return config, load_dataset(config.data, weights=config.weights, seed=config.seed)


def test_plain_models_are_chosen_on_valid(folder: Any) -> None:
    config, data = loaded(folder)
    chosen = {entry.name: entry for entry in choose_baselines(config, data.behaviour)}
    assert list(chosen) == ["popular", "item_knn", "ease"]
    for entry in chosen.values():
        assert entry.score == max(trial.score for trial in entry.trials)
    assert chosen["ease"].score > chosen["popular"].score
    assert chosen["popular"].settings == {}


def test_a_model_is_not_compared_with_itself_nor_with_what_is_too_large(
    folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, data = loaded(folder, recommend={"use": "item_knn"})
    monkeypatch.setattr(size, "DENSE_ITEMS", 29)
    assert [b.name for b in choose_baselines(config, data.behaviour)] == ["popular"]


def test_a_better_baseline_replaces_the_default_and_never_a_model_that_was_named(
    folder: Any,
) -> None:
    knn = Baseline("item_knn", [Trial({"shrink": 30.0}, 2.0)])
    assert better_baseline([knn], [Trial({}, 2.0)]) is None  # an equal one does not
    for recommend, expected in (
        ({}, "item_knn"), ({"l2": 100}, "multimodal_linear"), ({"use": "ease"}, "ease"),
    ):  # fmt: skip
        config, data = loaded(folder, recommend=recommend)
        bundle, trials = fit_bundle(
            config, data, ({}, {}), baselines=[knn], watch=Stopwatch(), progress=silent
        )
        assert bundle.config.recommend.use == expected
        if expected == "item_knn":
            assert bundle.parts.recommender.shrink == 30.0
            assert trials == list(knn.trials)


def test_the_default_is_never_worse_on_valid_than_ease(folder: Any) -> None:
    config, data = loaded(folder)
    chosen = choose_baselines(config, data.behaviour)
    _, trials = fit_bundle(
        config, data, ({}, {}), baselines=chosen, watch=Stopwatch(), progress=silent
    )
    assert trials[0].score >= max(entry.score for entry in chosen)
