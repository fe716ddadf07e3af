"""What `run` would choose: where a study begins, so that its result is never worse on valid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyrec.config import Config, RecommendConfig
from polyrec.errors import FitError
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.baselines import choose_baselines
from polyrec.pipeline.fitting import choose_model
from polyrec.pipeline.size import leaves_model_open
from polyrec.training.run_context import RunContext, use_run
from polyrec.tune.objective import Objective
from polyrec.tune.space import TunedSetting, declared_domains
from polyrec.types import Progress


@dataclass(frozen=True)
class RunChoice:
    """The recommender and the settings that a run of the config would choose on valid."""

    use: str
    settings: Mapping[str, Any]  # of the recommender, those that the config leaves open
    score: float | None  # on valid; None where nothing was tried
    seconds: float
    complete: bool  # not cut short by the hours

    def config(self, objective: Objective) -> Config:
        """Return the config to tune: with the model that was chosen, if it has settings."""
        config = objective.config
        if self.use == config.recommend.use:
            return config
        chosen = config.model_copy(update={"recommend": RecommendConfig(use=self.use)})
        model, views = build_recommender(chosen, {}), objective.untuned()[1]
        return chosen if declared_domains(model, views) else config

    def all_settings(self, config: Config, space: list[TunedSetting]) -> dict[str, Any]:
        """Return path -> value of the space as a run of `config` would have them."""
        untuned = {s.path: s.untuned for s in space if s.untuned is not None}
        chosen = {f"recommend.{name}": value for name, value in self.settings.items()}
        if self.use == config.recommend.use:
            return untuned | chosen
        others = {path: v for path, v in untuned.items() if not path.startswith("recommend.")}
        return others | {"recommend.use": self.use} | chosen


def choose_as_run(objective: Objective, *, deadline: float, progress: Progress) -> RunChoice:
    """Return what `run` would choose; the best so far where the deadline ends the search."""
    config, data = objective.config, objective.data
    views = objective.untuned()[1]
    started = time.perf_counter()
    baselines = []
    with use_run(RunContext(progress, deadline=deadline)) as context:
        if leaves_model_open(config):
            parts = {"train": data.train, "valid": data.valid}
            baselines = choose_baselines(config, parts, progress=progress)
        try:
            config, trials = choose_model(config, data, views, baselines, progress=progress)
        except (FitError, MemoryError):  # the run itself would fail
            trials = []
        complete = not context.out_of_time
    seconds = round(time.perf_counter() - started, 3)
    if not trials:
        return RunChoice(config.recommend.use, {}, None, seconds, complete)
    best = trials[0]
    return RunChoice(config.recommend.use, dict(best.settings), best.score, seconds, complete)
