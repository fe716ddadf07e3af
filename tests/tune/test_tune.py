"""A study: test is never read, it resumes where it stopped, it refuses other data."""

import dataclasses
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import yaml

pytest.importorskip("optuna", reason="extra tune is not installed")
import polyrec
from polyrec.artifact.part_state import part_settings
from polyrec.config import Config, parse_config, read_config
from polyrec.contracts import Recommender
from polyrec.errors import ConfigError, DataError, FitError
from polyrec.evaluate.grid_search import Trial
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.baselines import Baseline
from polyrec.pipeline.evaluation import evaluate_bundle
from polyrec.recommend import PARTS
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.gram import L2_TRIED
from polyrec.registry import registered_parts, required_extra
from polyrec.training import run_context
from polyrec.training.run_context import current_run
from polyrec.tune import run_choice, study
from polyrec.tune.objective import Objective
from polyrec.tune.run_choice import RunChoice
from polyrec.tune.space import settings_to_tune, with_settings
from polyrec.types import Embeddings, Interactions, Learnable, Views

EVERYTHING = {"align.use", "align.width", "fuse.weights.text", "encode.text.components"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 40 users and 16 items: taste goes by the item number's remainder."""
    folder = tmp_path_factory.mktemp("tune")
    generator = np.random.default_rng(3)
    rows = ["user_id,item_id,split"]
    for user in range(40):
        liked = generator.permutation([item for item in range(16) if item % 2 == user % 2])
        noise = generator.choice([item for item in range(16) if item % 2 != user % 2], 2, False)
        parts = ["train"] * 5 + ["valid", "test", "test"] + ["train"] * 2
        rows += [f"{user},{i},{part}" for i, part in zip([*liked, *noise], parts, strict=True)]
    words = ("sea wind sail wave harbour", "jazz night city lamp rain")
    titles = [
        " ".join(generator.choice(words[item % 2].split(), 4, replace=False)) for item in range(16)
    ]
    (folder / "interactions.csv").write_text("\n".join(rows))
    items = [f"{item},{title}" for item, title in enumerate(titles)]
    (folder / "items.csv").write_text("\n".join(["item_id,title", *items]))
    return folder


@pytest.fixture
def config(world: Path, tmp_path: Path) -> Config:
    return make_config(world, tmp_path)


def make_config(world: Path, folder: Path, **change: object) -> Config:
    tree = {
        "data": {"path": str(world), "text": ["title"]},
        "encode": {"text": {"use": "lsa", "components": 4}},
        "recommend": {"use": "ease"},
        "evaluate": {"metrics": ["recall@3"], "select_by": "recall@3"},
        "cache": str(folder / "cache.sqlite"),
    }
    return parse_config(tree | change, folder=folder)


def ranges(**domains: object) -> dict:
    return {"ranges": {path.replace("__", "."): domain for path, domain in domains.items()}}


def test_the_best_config_reaches_its_score_in_a_run(config: Config, tmp_path: Path) -> None:
    steps = []
    out = tmp_path / "result" / "best.yaml"
    result = study.tune(config, out=out, trials=6, progress=lambda *step: steps.append(step))
    scores = [trial["score"] for trial in result.trials]
    assert len(scores) == 6
    assert result.score == max(scores)
    assert steps[-1][:3] == ("tune", 6, 6)
    assert "best recall@3" in steps[-1][3]
    bundle = polyrec.run(out)
    assert bundle.parts.recommender.l2 == result.settings["recommend.l2"]
    reached = evaluate_bundle(bundle, ["recall@3"])["valid"].means["recall@3"]
    assert reached == pytest.approx(result.score, abs=1e-9)
    summary = json.loads(out.with_suffix(".trials.json").read_text())
    assert summary["best"]["score"] == result.score
    assert [trial["number"] for trial in summary["trials"]] == list(range(6))


@pytest.mark.parametrize("recommend", [{"use": "ease"}, {"use": "item_knn"}, {}])
def test_the_first_trial_is_what_a_run_chooses(
    world: Path, tmp_path: Path, recommend: dict
) -> None:
    config = make_config(world, tmp_path, recommend=recommend)
    bundle = polyrec.run(config)
    result = study.tune(config, out=tmp_path / "t.yaml", trials=1)
    assert result.config.recommend.use == bundle.config.recommend.use
    chosen = {path.partition(".")[2]: value for path, value in result.settings.items()}
    own = part_settings(bundle.parts.recommender)
    assert chosen
    assert {name: own[name] for name in chosen} == chosen
    reached = evaluate_bundle(bundle, ["recall@3"])["valid"].means["recall@3"]
    assert result.score == pytest.approx(reached, abs=1e-9)
    assert result.trials[0]["chosen_by"] == "run"


def test_a_baseline_without_settings_is_the_first_trial_of_the_default(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    popular = Baseline("popular", [Trial({}, 2.0)])
    monkeypatch.setattr(run_choice, "choose_baselines", lambda *_, **__: [popular])
    config = make_config(world, tmp_path, recommend={})
    result = study.tune(config, out=tmp_path / "t.yaml", trials=2)
    first, second = result.trials
    assert first["settings"] == {"recommend.use": "popular"}
    assert "recommend.content" in second["settings"]
    assert result.score == 2.0
    assert read_config(tmp_path / "t.yaml").recommend.use == "popular"


def test_ranges_of_the_config_hold_for_the_choice_of_a_run(world: Path, tmp_path: Path) -> None:
    config = make_config(world, tmp_path, tune=ranges(recommend__l2=[7.0, 8.0]))
    result = study.tune(config, out=tmp_path / "t.yaml", trials=3)
    assert all(t["settings"]["recommend.l2"] in (7.0, 8.0) for t in result.trials)
    assert not any("chosen_by" in trial for trial in result.trials)


def test_a_choice_cut_short_by_the_hours_is_made_anew(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, fits = [0.0], []
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    monkeypatch.setattr(run_context, "time", clock)
    monkeypatch.setattr(study, "time", clock)

    def slow_fit(self: EASE, *args: object, **options: object) -> EASE:
        fits.append(self.l2)
        now[0] += 2000
        return fit(self, *args, **options)

    fit = EASE.fit
    monkeypatch.setattr(EASE, "fit", slow_fit)
    out = tmp_path / "t.yaml"
    cut = study.tune(config, out=out, trials=3, hours=1)
    assert len(fits) == 2
    assert [t["settings"]["recommend.l2"] in fits for t in cut.trials] == [True]
    whole = study.tune(config, out=out, trials=3)
    assert whole.trials[0] == cut.trials[0]
    bundle = polyrec.run(config)
    reached = evaluate_bundle(bundle, ["recall@3"])["valid"].means["recall@3"]
    assert whole.score >= reached - 1e-9


def test_frames_are_tuned_like_files(config: Config, world: Path, tmp_path: Path) -> None:
    events, items = (pl.read_csv(world / f"{name}.csv") for name in ("interactions", "items"))
    data = polyrec.Dataset.from_frames(events, items, text="title", split="given")
    sections = config.model_dump(exclude_unset=True, exclude={"data"})
    frames = study.tune(data, settings=sections, out=tmp_path / "frames.yaml", trials=2)
    files = study.tune(config, out=tmp_path / "files.yaml", trials=2)
    assert [t["score"] for t in frames.trials] == [t["score"] for t in files.trials]
    again = polyrec.run(data, settings=tmp_path / "frames.yaml")
    assert again.parts.recommender.l2 == frames.settings["recommend.l2"]


@pytest.fixture(params=sorted(set(registered_parts("recommend")) - {"popular", "blend"}))
def tunable(
    request: pytest.FixtureRequest, world: Path, tmp_path: Path
) -> tuple[Config, Recommender]:
    """Return the config of a recommender that is tuned, and the recommender; each in turn."""
    if required_extra(registered_parts("recommend")[request.param].module):
        pytest.importorskip("torch")
    config = make_config(world, tmp_path, recommend={"use": request.param})
    return config, build_recommender(config, {})


def test_candidates_of_a_run_are_trials(
    tunable: tuple[Config, Recommender], parity_views: dict
) -> None:
    """Any candidate is recorded: what a declared range lacks is no parameter for the sampler."""
    config, model = tunable
    space = settings_to_tune(config, model, parity_views)
    for stage in model.search_space(parity_views):
        for setting, candidates in stage.items():
            for value in candidates:
                choice = RunChoice(config.recommend.use, {setting: value}, 0.5, 1.0, complete=True)
                settings = choice.all_settings(config, space)
                built = build_recommender(with_settings(config, settings), {})
                assert part_settings(built)[setting] == value


def test_a_stopped_study_resumes_with_the_same_trials(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = study.tune(config, out=tmp_path / "whole.yaml", trials=14)
    fits = []

    def stopped(self: EASE, *args: object, **options: object) -> EASE:
        fits.append(self.l2)
        if len(fits) == 15:
            raise KeyboardInterrupt
        return fit(self, *args, **options)

    fit = EASE.fit
    monkeypatch.setattr(EASE, "fit", stopped)
    out = tmp_path / "again.yaml"
    with pytest.raises(KeyboardInterrupt):
        study.tune(config, out=out, trials=14)
    stored = json.loads(out.with_suffix(".trials.json").read_text())
    tried = len(stored["trials"]) - 1  # the first trial is the best of run's candidates
    assert tried == 14 - len(L2_TRIED)
    assert yaml.safe_load(out.read_text())["recommend"]["l2"] > 0
    again = study.tune(config, out=out, trials=14)
    assert [t["settings"] for t in again.trials] == [t["settings"] for t in uninterrupted.trials]
    assert len(fits) == 1 + len(L2_TRIED) + 13  # no finished trial is fitted twice


def test_select_by_may_be_a_metric_of_content(world: Path, tmp_path: Path) -> None:
    config = make_config(world, tmp_path, evaluate={"select_by": "diversity@3"})
    assert study.tune(config, out=tmp_path / "t.yaml", trials=1).score > 0


def test_test_is_never_read(config: Config, tmp_path: Path, world: Path) -> None:
    assert {field.name for field in dataclasses.fields(Learnable)} == {"catalog", "train", "valid"}
    loaded = study.load_dataset(config.data, weights=config.weights, seed=config.seed)
    test = loaded.test
    shuffled = dataclasses.replace(test, items=np.random.default_rng(0).permutation(test.items))
    scores = []
    for part in (test, shuffled):
        data = dataclasses.replace(loaded, test=part)
        assert not hasattr(data.without_test(), "test")
        objective = Objective(config, data.without_test(), lambda *_: None)
        scores.append(objective.score(config))
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    "change",
    [
        {"recommend": {"use": "item_knn"}},
        {"seed": 8},
        {"tune": ranges(recommend__l2=[1, 2])},
        {"data": {"min_events": {"item": 17}}},
    ],
)
def test_another_config_or_data_is_refused(
    world: Path, config: Config, tmp_path: Path, change: dict
) -> None:
    out = tmp_path / "t.yaml"
    study.tune(config, out=out, trials=1)
    if "data" in change:
        change = {"data": {"path": str(world), "text": ["title"], **change["data"]}}
    with pytest.raises(ConfigError, match="a study of another config or data"):
        study.tune(make_config(world, tmp_path, **change), out=out, trials=1)


def test_more_trials_and_a_moved_cache_are_the_same_study(
    world: Path, config: Config, tmp_path: Path
) -> None:
    study.tune(config, out=tmp_path / "t.yaml", trials=1)
    moved = make_config(world, tmp_path, cache="other.sqlite", tune={"trials": 2})
    assert len(study.tune(moved, out=tmp_path / "t.yaml").trials) == 2


def test_every_room_is_tuned_and_a_chosen_part_gets_only_its_own_settings(
    world: Path, tmp_path: Path
) -> None:
    tune = ranges(
        align__use=["none", "whiten"], align__width=[4, 8], fuse__weights__text=[0.5, 1.0],
        encode__text__components={"low": 4, "high": 6},
    )  # fmt: skip
    config = make_config(world, tmp_path, tune=tune, recommend={"use": "ease", "l2": 40})
    result = study.tune(config, out=tmp_path / "t.yaml", trials=6)
    chosen = [trial["settings"] for trial in result.trials]
    assert all(set(settings) == EVERYTHING for settings in chosen)
    assert {settings["align.use"] for settings in chosen} == {"none", "whiten"}
    assert all(isinstance(settings["encode.text.components"], int) for settings in chosen)
    for settings in chosen:
        own = with_settings(result.config, settings).align.settings
        assert ("width" in own) == (settings["align.use"] == "whiten")
    assert result.config.recommend.settings == {"l2": 40}


def test_a_mapping_is_a_choice_like_any_other(world: Path, tmp_path: Path) -> None:
    model = polyrec.recommend.MultimodalLinear()
    present = np.ones(3, bool)
    views = {name: Embeddings(np.eye(3, dtype=np.float32), present) for name in ("text", "image")}
    config = make_config(world, tmp_path, recommend={"use": "multimodal_linear"})
    space = {setting.path: setting for setting in settings_to_tune(config, model, views)}
    assert set(space) == {
        f"recommend.{name}" for name in ("l2", "content", "content_l2", "weights")
    }

    weights = space["recommend.weights"]
    assert weights.decode(weights.labels[0]) == {"image": 0.5, "text": 0.5}
    assert weights.encode({"text": 0.5, "image": 0.5}) == weights.labels[0]


def test_declared_ranges_fit_the_settings(
    tunable: tuple[Config, Recommender], parity_views: dict
) -> None:
    config, model = tunable
    for views in ({}, parity_views):
        space = settings_to_tune(config, model, views)
        assert all(setting.path.startswith("recommend.") for setting in space)
        for setting in space:
            domain = setting.domain
            first = domain[0] if isinstance(domain, tuple) else domain.low
            build_recommender(with_settings(config, {setting.path: first}), {})


@pytest.mark.parametrize(
    ("path", "domain", "message"),
    [
        ("recommend.l3", [1], "no such setting.*did you mean 'recommend.l2'"),
        ("recomend.l2", [1], "did you mean 'recommend.l2'"),
        ("align.width", [8], "no such setting"),
        ("recommend.use", ["ease"], "no such setting"),
        ("recommend.l2.deeper", [1], "no such setting"),
        ("recommend.l2", ["much"], "recommend.l2 is not valid.*'much'"),
        ("align.use", ["whitn"], "did you mean 'whiten'"),
        ("fuse.use", {"low": 1, "high": 2}, "fuse.use.*a list of names"),
        ("encode.text.component", [3], "did you mean 'encode.text.components'"),
    ],
)
def test_a_path_or_value_that_fits_no_part_is_refused(
    world: Path, tmp_path: Path, path: str, domain: object, message: str
) -> None:
    config = make_config(world, tmp_path, tune={"ranges": {path: domain}})
    with pytest.raises(ConfigError, match=message):
        study.tune(config, out=tmp_path / "t.yaml", trials=1)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"low": 5, "high": 5}, "recommend.l2 is empty.*low 5, high 5.*low < high"),
        ({"low": 9, "high": 5}, "recommend.l2 is empty.*low 9, high 5"),
        ({"low": 0, "high": 5, "log": True}, "can't be logarithmic"),
        ({"low": 0, "high": float("nan")}, "is empty"),
        ({"low": 1}, "recommend.l2.high is required"),
        ({"low": 1, "heigh": 2}, "did you mean 'high'"),
        ({"low": "few", "high": 2}, "recommend.l2.low is not valid.*'few'"),
        ([], r"recommend.l2 is empty.*received \[\]"),
        ("5..9", "recommend.l2 is empty"),
    ],
)
def test_an_empty_reversed_or_odd_range_is_refused_when_the_config_is_read(
    world: Path, tmp_path: Path, domain: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(world, tmp_path, tune=ranges(recommend__l2=domain))


def test_a_trial_that_can_not_be_fitted_fails_and_the_study_continues(
    world: Path, tmp_path: Path
) -> None:
    tune = ranges(recommend__l2=[-1e4, 50.0])
    config = make_config(world, tmp_path, tune=tune, recommend={"use": "ease", "l2": -1e4})
    result = study.tune(config, out=tmp_path / "t.yaml", trials=6)
    first = result.trials[0]
    assert first["state"] == "failed"
    assert "no inverse" in first["reason"]
    assert result.settings == {"recommend.l2": 50.0}


def test_where_no_trial_can_be_fitted_the_error_names_the_reason(
    world: Path, tmp_path: Path
) -> None:
    config = make_config(world, tmp_path, tune=ranges(recommend__l2=[-1e4, -2e4]))
    with pytest.raises(FitError, match=r"no trial came to an end.*no inverse"):
        study.tune(config, out=tmp_path / "t.yaml", trials=2)


def test_nothing_open_no_valid_and_no_time_are_refused(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.yaml"
    with pytest.raises(ConfigError, match=r"there is nothing to tune.*popular"):
        study.tune(make_config(world, tmp_path, recommend={"use": "popular"}), out=out)
    with pytest.raises(ConfigError, match="nothing to tune"):
        study.tune(make_config(world, tmp_path, recommend={"use": "ease", "l2": 3}), out=out)
    data = {"path": str(world), "split": {"use": "random", "valid": 0}}
    with pytest.raises(DataError, match="the valid split is empty"):
        study.tune(make_config(world, tmp_path, data=data), out=out)
    with pytest.raises(ConfigError, match="no time to tune"):
        study.tune(make_config(world, tmp_path), out=out, hours=0)
    with pytest.raises(ConfigError, match="no time to tune"):
        study.tune(make_config(world, tmp_path), out=out, trials=0)


def test_no_trial_begins_after_the_hours(config: Config, tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"no trial came to an end.*no trials"):
        study.tune(config, out=tmp_path / "t.yaml", hours=1e-9)


def test_a_file_that_tune_did_not_write_is_not_overwritten(config: Config, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("data: {path: here}\n")
    with pytest.raises(ConfigError, match="a file that tune did not write"):
        study.tune(config, out=tmp_path / "mine.yaml", trials=1)
    assert (tmp_path / "mine.yaml").read_text() == "data: {path: here}\n"


def test_the_written_config_reads_back(config: Config, tmp_path: Path) -> None:
    result = study.tune(config, out=tmp_path / "t.yaml", trials=2)
    again = read_config(tmp_path / "t.yaml")
    assert again.model_dump(exclude={"tune"}) == result.config.model_dump(exclude={"tune"})


class Epochs(EASE):
    """A model that learns in epochs; its value on valid grows towards what l2 allows."""

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        assert valid is not None
        for epoch in range(10):
            self.epochs.append(self.l2)
            if current_run().on_valid is not None:
                current_run().on_valid(epoch, (1 - 0.5**epoch) / self.l2)
        super()._fit(train, items, valid)

    def learning_curve(self) -> tuple[float, ...]:
        return ()


def test_a_trial_below_the_median_of_the_others_is_pruned(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARTS, "epochs", "test_tune:Epochs")
    monkeypatch.setitem(sys.modules, "test_tune", sys.modules[__name__])
    monkeypatch.setattr(Epochs, "epochs", [], raising=False)
    domain = {"low": 1.0, "high": 100.0}
    config = make_config(
        world, tmp_path, recommend={"use": "epochs"}, tune=ranges(recommend__l2=domain)
    )
    result = study.tune(config, out=tmp_path / "t.yaml", trials=12)
    pruned = [trial for trial in result.trials if trial["state"] == "pruned"]
    assert pruned
    assert len(Epochs.epochs) < (len(L2_TRIED) + 11) * 10
    for trial in pruned:
        earlier = [t["settings"]["recommend.l2"] for t in result.trials[: trial["number"]]]
        assert trial["settings"]["recommend.l2"] > min(earlier)
    assert result.settings["recommend.l2"] not in [t["settings"]["recommend.l2"] for t in pruned]
