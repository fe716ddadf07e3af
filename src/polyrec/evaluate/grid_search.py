"""Choose a recommender's settings on valid; test is not passed in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyrec.contracts import Recommender, Tunable
from polyrec.errors import FitError
from polyrec.evaluate.next_item import Criterion
from polyrec.training.run_context import current_run
from polyrec.types import Interactions, Progress, Views, silent


@dataclass(frozen=True)
class Trial:
    """The score of one combination of settings on valid."""

    settings: Mapping[str, Any]
    score: float


def grid_search(
    build: Callable[[Mapping[str, Any]], Recommender],
    splits: tuple[Interactions, Interactions],
    items: Views,
    *,
    by: Criterion,
    fixed: Mapping[str, Any],
    progress: Progress = silent,
) -> list[Trial]:
    """Return every trial on `splits` (train, valid), the best first.

    `build(settings)` returns a recommender. A `Tunable` one declares candidates stage by stage: a
    stage tries all its combinations with the settings of earlier stages held at their best. `fixed`
    settings are not searched. Of equal scores the earlier trial wins. No fit begins after the
    deadline of the run's context.
    """
    train, valid = splits
    stages = _open_stages(build(fixed), items, fixed)
    total = sum(len(list(_combinations(stage))) for stage in stages)
    trials: list[Trial] = []
    best: dict[str, Any] = {}
    for stage in stages:
        for combination in _combinations(stage):
            settings = {**best, **combination}
            if current_run().out_of_time:
                break
            if all(settings != trial.settings for trial in trials):
                model = build({**fixed, **settings}).fit(train, items, valid=valid)
                score = by.score(model, splits, items)
                if math.isnan(score):
                    raise FitError("a metric that has no value on valid", received=by.metric,
                                   remedy="set evaluate.select_by")  # fmt: skip
                trials.append(Trial(settings, score))
            progress("choose settings on valid", len(trials), total)
        trials.sort(key=lambda trial: -trial.score)  # stable: the earlier of equals stays first
        best = dict(trials[0].settings) if trials else {}
    progress("choose settings on valid", total, total)
    return trials


def _open_stages(
    model: Recommender, items: Views, fixed: Mapping[str, Any]
) -> list[Mapping[str, Sequence[Any]]]:
    space = model.search_space(items) if isinstance(model, Tunable) else ()
    stages = [{k: v for k, v in stage.items() if k not in fixed} for stage in space]
    return [stage for stage in stages if stage]


def _combinations(stage: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*stage.values()):
        yield dict(zip(stage, values, strict=True))
