"""The presets run as they stand, on a small studio world, and beat what is popular."""

import json
from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec import pipeline
from polyrec.config import PRESETS, read
from polyrec.data.studio import Studio, make_world
from polyrec.evaluate.protocols import compat

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ["recommend.weights=null", "recommend.content_l2=5", "recommend.l2=50"]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a world; the presets share one cache of its features."""
    folder = tmp_path_factory.mktemp("presets")
    make_world(folder / "world", Studio(items=90, users=260))
    return folder


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_it_learns_and_serves_new_items(
    studio: Path, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYREC_WORLD", str(studio / "world"))
    overrides = [f"cache={studio / 'cache.sqlite'}", *QUICK]
    config = read(EXAMPLES / f"{preset}.yaml", overrides=overrides)
    assert config.preset == preset
    assert config.weights.items() >= PRESETS[preset].items()
    bundle = polyrec.run(config, out=tmp_path / "out")
    reached = json.loads((tmp_path / "out/report.json").read_text())["metrics"]["test"]
    assert set(reached) == set(config.evaluate.metrics)
    train, test = bundle.behaviour["train"], bundle.behaviour["test"]
    popular = polyrec.recommend.Popular().fit(train, {})
    by = config.evaluate.select_by
    assert reached[by] > 1.1 * compat(popular, train, test, [by]).means[by]
    taken = np.unique(train.items)
    new = [item for row, item in enumerate(bundle.ids) if row not in taken]
    if new:  # those that came out last are recommended, too
        lists = pipeline.evaluate(bundle, ["coverage@20"])["test"].ranking.items
        assert np.isin(lists, [bundle.ids.index(item) for item in new]).any()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_its_ranges_can_be_tuned(
    studio: Path, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyrec.tune.space import settings_of

    monkeypatch.setenv("POLYREC_WORLD", str(studio / "world"))
    config = pipeline.read_checked(EXAMPLES / f"{preset}.yaml")
    paths = [s.path for s in settings_of(config, pipeline.make_recommender(config, {}), {})]
    assert "align.width" in paths
    assert "recommend.l2" in paths
