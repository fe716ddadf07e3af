"""The plain models that every run is compared with, on the same split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyrec.artifact.bundle import Bundle
from polyrec.config import Config, PartConfig
from polyrec.contracts import Recommender
from polyrec.errors import FitError
from polyrec.evaluate.compare import difference_interval
from polyrec.evaluate.grid_search import Trial, grid_search
from polyrec.evaluate.next_item import Criterion, evaluate_split
from polyrec.evaluate.protocols import Evaluation
from polyrec.evaluate.report import ComparedBaseline
from polyrec.pipeline.assemble import build_part
from polyrec.pipeline.size import is_large
from polyrec.training.run_context import current_run
from polyrec.types import Interactions, Progress, silent

BASELINES = ("popular", "item_knn", "ease")


@dataclass(frozen=True)
class Baseline:
    """A plain model, and its settings as they rank valid, the best first."""

    name: str
    trials: Sequence[Trial] = ()  # none where there is no valid

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the settings that rank valid best, or else none: the defaults."""
        return self.trials[0].settings if self.trials else {}

    @property
    def score(self) -> float | None:
        """Return what they reach on valid by `evaluate.select_by`."""
        return self.trials[0].score if self.trials else None


def choose_baselines(
    config: Config, behaviour: Mapping[str, Interactions], *, progress: Progress = silent
) -> list[Baseline]:
    """Return the baselines, their settings chosen on valid; EASE only where it is affordable.

    The run's own model is none of them.
    """
    train, valid = behaviour["train"], behaviour["valid"]
    names = [name for name in BASELINES if name != config.recommend.use]
    baselines = []
    for name in names:
        if current_run().out_of_time or (name == "ease" and is_large(train.shape[1])):
            continue
        try:
            trials = _trials(config, name, train, valid, progress)
        except FitError:  # too large for this machine
            continue
        baselines.append(Baseline(name, trials))
    return baselines


def better_baseline(baselines: Sequence[Baseline], trials: Sequence[Trial]) -> Baseline | None:
    """Return the baseline that ranks valid best, if it is better than the best trial."""
    scored = [baseline for baseline in baselines if baseline.score is not None]
    if not scored or not trials:
        return None
    best = max(scored, key=lambda baseline: baseline.score or 0.0)
    return best if (best.score or 0.0) > trials[0].score else None


def evaluate_baselines(
    bundle: Bundle,
    baselines: Sequence[Baseline],
    evaluation: Evaluation,
    *,
    progress: Progress = silent,
) -> list[ComparedBaseline]:
    """Return the baselines on test, each with its distance from the bundle's `evaluation`."""
    train = bundle.behaviour["train"]
    protocol = "compat" if evaluation.targets is None else "next_item"
    compared = []
    for step, baseline in enumerate(baselines):
        progress("evaluate baselines", step, len(baselines))
        model = _build(bundle.config, baseline.name, baseline.settings).fit(train)
        own = evaluate_split(
            model, bundle.behaviour, "test", list(evaluation.means),
            protocol=protocol, views=bundle.views,
        )  # fmt: skip
        differences = {
            name: difference_interval(values, own.values[name])
            for name, values in evaluation.values.items()
        }
        compared.append(
            ComparedBaseline(
                baseline.name, baseline.settings, baseline.score, own.means, differences
            )
        )
    progress("evaluate baselines", len(baselines), len(baselines))
    return compared


def _build(config: Config, name: str, settings: Mapping[str, Any]) -> Recommender:
    return build_part("recommend", PartConfig(use=name, **settings), config)


def _trials(
    config: Config, name: str, train: Interactions, valid: Interactions, progress: Progress
) -> list[Trial]:
    if not len(valid):
        return []
    by = Criterion(config.evaluate.select_by, config.evaluate.protocol)
    trials = grid_search(
        lambda settings: _build(config, name, settings),
        (train, valid),
        {},
        by=by,
        fixed={},
        progress=progress,
    )
    if not trials:  # it has no settings
        model = _build(config, name, {}).fit(train)
        trials = [Trial({}, by.score(model, (train, valid), {}))]
    return trials
