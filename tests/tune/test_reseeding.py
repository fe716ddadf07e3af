"""The best trials with further seeds: luck with one seed does not choose the settings."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("optuna", reason="extra tune is not installed")
from optuna.trial import TrialState

import polyrec
from polyrec.config import Config, parse_config
from polyrec.errors import FitError
from polyrec.pipeline.evaluation import evaluate_bundle
from polyrec.tune import study
from polyrec.tune.objective import Objective
from polyrec.tune.reseeding import Reseeding, top_trials

SCORES = {  # l2 -> scores with seeds 7, 8, 9
    1.0: (0.3, 0.31, 0.3),
    2.0: (0.9, 0.1, 0.1),  # lucky once
    3.0: (0.5, 0.6, 0.7),  # the best
    4.0: (0.4, 0.4, 0.4),
    5.0: (0.2, 0.99, 0.99),  # not among the best with seed 7
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a run of als on 30 users; its l2 is 1, and 1 to 5 are the search space."""
    als = {"use": "als", "l2": 1.0, "unobserved": 0.1, "exponent": 1.0, "dim": 4, "rounds": 2}
    generator = np.random.default_rng(5)
    rows = ["user_id,item_id,split"]
    for user in range(30):
        items = generator.permutation(12)[:6]
        parts = ["train"] * 4 + ["valid", "test"]
        rows += [f"{user},{item},{part}" for item, part in zip(items, parts, strict=True)]
    (tmp_path / "interactions.csv").write_text("\n".join(rows))
    return parse_config(
        {
            "data": {"path": str(tmp_path)},
            "recommend": als,
            "evaluate": {"metrics": ["recall@3"], "select_by": "recall@3"},
            "tune": {"ranges": {"recommend.l2": list(SCORES)}},
            "cache": str(tmp_path / "cache.sqlite"),
        },
        folder=tmp_path,
    )


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Take scores from the table; return the list of fits."""
    fits: list[tuple[float, int]] = []

    def score(self: Objective, config: Config, on_valid: object = None, *, seed: int = 7) -> float:
        fits.append((config.recommend.settings["l2"], seed))
        return SCORES[fits[-1][0]][seed - 7]

    monkeypatch.setattr(Objective, "score", score)
    return fits


def test_the_best_over_all_seeds_wins_and_not_the_luckiest(
    config: Config, tmp_path: Path, fits: list
) -> None:
    steps = []
    out = tmp_path / "t.yaml"
    result = study.tune(config, out=out, trials=12, progress=lambda *step: steps.append(step))
    assert {t["settings"]["recommend.l2"] for t in result.trials} == set(SCORES)
    assert result.settings == {"recommend.l2": 3.0}
    assert result.score == pytest.approx(0.6)
    # the three best and the untuned one, seed by seed
    assert fits[-8:] == [(l2, seed) for seed in (8, 9) for l2 in (2.0, 3.0, 4.0, 1.0)]
    assert steps[-1][:3] == ("further seeds", 8, 8)
    summary = json.loads(out.with_suffix(".trials.json").read_text())
    assert summary["best"]["mean"] == pytest.approx(0.6)
    assert summary["best"]["further_seeds"] == {"8": 0.6, "9": 0.7}
    assert "0.6000 on valid with seeds 7, 8, 9" in out.read_text()
    assert result.seeds == (7, 8, 9)
    assert study.tune(config, out=out, trials=12).settings == result.settings
    assert len(fits) == 13  # nothing is fitted twice


@pytest.mark.parametrize("after", [6, 7, 9, 12])
def test_a_study_stopped_among_them_resumes(
    config: Config, tmp_path: Path, fits: list, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    score = Objective.score

    def stopped(*args: object, **options: object) -> float:
        if len(fits) == after - 1:
            raise KeyboardInterrupt
        return score(*args, **options)

    out = tmp_path / "t.yaml"
    with monkeypatch.context() as patch:
        patch.setattr(Objective, "score", stopped)
        with pytest.raises(KeyboardInterrupt):
            study.tune(config, out=out, trials=12)
    before = len(fits)
    assert out.is_file()
    result = study.tune(config, out=out, trials=12)
    assert result.settings == {"recommend.l2": 3.0}
    assert (before, len(fits)) == (after - 1, 13)


def test_a_trial_that_fails_with_another_seed_is_out(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: Objective, config: Config, on_valid: object = None, *, seed: int = 7) -> float:
        l2 = config.recommend.settings["l2"]
        if l2 == 3.0 and seed == 9:
            raise FitError("the loss is not finite")
        return SCORES[l2][seed - 7]

    monkeypatch.setattr(Objective, "score", score)
    result = study.tune(config, out=tmp_path / "t.yaml", trials=12)
    assert result.settings == {"recommend.l2": 4.0}


def test_the_reported_mean_is_what_runs_with_these_seeds_reach(
    config: Config, tmp_path: Path
) -> None:
    out = tmp_path / "t.yaml"
    result = study.tune(config, out=out, trials=4)
    reached = []
    for seed in (7, 8, 9):
        tree = result.config.model_dump(mode="json")
        bundle = polyrec.run(parse_config(tree | {"seed": seed}, folder=tmp_path))
        reached.append(evaluate_bundle(bundle, ["recall@3"])["valid"].means["recall@3"])
    assert len(set(reached)) > 1
    assert result.score == pytest.approx(np.mean(reached), abs=1e-9)


def test_they_get_a_third_of_the_hours_at_most(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    times = []

    def score(self: Objective, config: Config, on_valid: object = None, *, seed: int = 7) -> float:
        now[0] += 60
        times.append((seed, now[0]))
        return 1 / (len(times) + seed)

    monkeypatch.setattr(Objective, "score", score)
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=lambda: now[0])
    monkeypatch.setattr(study, "time", clock)
    study.tune(config, out=tmp_path / "t.yaml", trials=100, hours=0.1)
    assert [seed for seed, _ in times] == [7, 7, 7, 7, 8, 8]


def test_a_model_that_draws_nothing_is_not_fitted_again() -> None:
    trials = [trial(0, 0.1, 1.0), trial(1, 0.3, 2.0)]
    reseeding = Reseeding(StudyStub(), 7, is_random=False)
    assert not reseeding.pending(trials)
    assert reseeding.best(trials) == (trials[1], 0.3)
    assert reseeding.best([]) is None


def test_top_trials_differ_and_the_first_of_equals_leads() -> None:
    values = [0.1, 0.5, 0.5, 0.4, 0.3, 0.2]
    trials = [trial(i, value, float(i % 5)) for i, value in enumerate(values)]
    trials.append(trial(6, 0.5, 1.0))  # trial 1 again
    pruned = SimpleNamespace(number=7, state=TrialState.PRUNED, value=None, user_attrs={})
    numbers = [each.number for each in top_trials([*trials, pruned])]
    assert numbers == [1, 2, 3]  # 5 has the settings of 0 and did better
    assert [each.number for each in top_trials([*trials[:5], pruned])] == [1, 2, 3, 0]


def test_a_seed_that_not_all_have_does_not_count() -> None:
    trials = [trial(0, 0.3, 1.0), trial(1, 0.4, 2.0)]
    reseeding = Reseeding(StudyStub(), 7, is_random=True)
    reseeding.record(trials[1], 8, 0.1)
    assert reseeding.best(trials) == (trials[1], 0.4)
    reseeding.record(trials[0], 8, 0.3)
    assert reseeding.best(trials) == (trials[0], pytest.approx(0.3))
    assert reseeding.pending(trials) == [(trials[1], 9), (trials[0], 9)]


class StudyStub:
    """The attributes of a study."""

    def __init__(self) -> None:
        self.user_attrs: dict = {}

    def set_user_attr(self, name: str, value: object) -> None:
        self.user_attrs[name] = value


def trial(number: int, value: float, l2: float) -> SimpleNamespace:
    result = {"settings": {"recommend.l2": l2}, "seconds": 1.0}
    return SimpleNamespace(
        number=number, state=TrialState.COMPLETE, value=value, user_attrs={"result": result}
    )
