"""The presets run as they stand, on a small studio data set, and beat what is popular."""

import json
from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec.config import PRESETS, read_config
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.pipeline.assemble import build_recommender, validated_config

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ["recommend.weights=null", "recommend.content_l2=5", "recommend.l2=50"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_it_beats_popularity_and_scores_new_items(
    world: Path, features: Path, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYREC_WORLD", str(world))
    overrides = [f"cache={features}", *QUICK]
    config = read_config(EXAMPLES / f"{preset}.yaml", overrides=overrides)
    assert config.preset == preset
    assert config.weights.items() >= PRESETS[preset].items()
    bundle = polyrec.run(config, out=tmp_path / "out")
    reached = json.loads((tmp_path / "out/report.json").read_text())["metrics"]["test"]
    assert set(reached) == set(config.evaluate.metrics)
    train, test = bundle.behaviour["train"], bundle.behaviour["test"]
    popular = polyrec.recommend.Popular().fit(train, {})
    by = config.evaluate.select_by
    assert reached[by] > 1.1 * evaluate_top_k(popular, train, test, [by]).means[by]
    new = np.setdiff1d(np.arange(train.shape[1]), train.items)
    scores = bundle.parts.recommender.score(train.histories(range(20)))[:, new]
    assert not len(new) or scores.std(axis=0).max() > 0  # what nobody took yet has its content


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_its_ranges_can_be_tuned(world: Path, preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyrec.tune.space import settings_to_tune

    monkeypatch.setenv("POLYREC_WORLD", str(world))
    config = validated_config(EXAMPLES / f"{preset}.yaml")
    paths = [s.path for s in settings_to_tune(config, build_recommender(config, {}), {})]
    assert "align.width" in paths
    assert "recommend.l2" in paths
