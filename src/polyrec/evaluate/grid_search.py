"""Choose a recommender's settings on valid; test never comes near."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyrec.contracts import Recommender, Tunable
from polyrec.errors import FitError
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.types import Interactions, Progress, Views, silent


@dataclass(frozen=True)
class Trial:
    """What one combination of settings reached on valid."""

    settings: Mapping[str, Any]
    score: float


def grid_search(
    make: Callable[[Mapping[str, Any]], Recommender],
    parts: tuple[Interactions, Interactions],
    items: Views,
    *,
    by: str,
    fixed: Mapping[str, Any],
    progress: Progress = silent,
) -> list[Trial]:
    """Return every trial on `parts` (train, valid), the best first.

    A recommender with `search_space(items)` says which settings are worth trying, stage by stage:
    a stage tries all its combinations with the settings of earlier stages held at their best.
    `fixed` settings stay as they are. Of equal scores the earlier trial wins.
    """
    train, valid = parts
    stages = _open_stages(make(fixed), items, fixed)
    total = sum(len(list(_combinations(stage))) for stage in stages)
    trials: list[Trial] = []
    best: dict[str, Any] = {}
    for stage in stages:
        for combination in _combinations(stage):
            settings = {**best, **combination}
            if all(settings != trial.settings for trial in trials):
                model = make({**fixed, **settings}).fit(train, items, valid=valid)
                score = evaluate_top_k(model, train, valid, [by], views=items).means[by]
                if math.isnan(score):
                    raise FitError("valid has nothing to choose by", received=by,
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
    space: Sequence[Mapping[str, Sequence[Any]]] = []
    if isinstance(model, Tunable):
        space = model.search_space(items)
    stages = [{k: v for k, v in stage.items() if k not in fixed} for stage in space]
    return [stage for stage in stages if stage]


def _combinations(stage: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*stage.values()):
        yield dict(zip(stage, values, strict=True))
