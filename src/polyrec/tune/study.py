"""One study: trials on train and valid, stored as they end, the best written as a config."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from polyrec.artifact.part_state import part_settings
from polyrec.compute.progress import show_progress
from polyrec.config import Config
from polyrec.data.load import Dataset, load_dataset
from polyrec.errors import ConfigError, DataError, FitError
from polyrec.evaluate.leakage_checks import check_split
from polyrec.pipeline.assemble import ConfigSource, encoder_configs
from polyrec.pipeline.run_config import run_source
from polyrec.tune.objective import Objective
from polyrec.tune.reseeding import Reseeding, top_trials
from polyrec.tune.run_choice import RunChoice, choose_as_run
from polyrec.tune.space import settings_to_tune, with_settings
from polyrec.types import Progress

_STATES = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_FIRST_LINE = "# Made by `polyrec tune`"
_FORMAT = 3  # of what a study's file holds
_RANDOM_TRIALS = 10  # at most, before TPE chooses; 3 per setting at most
_RESEEDING_SHARE = 1 / 3  # of the hours, at most


@dataclass(frozen=True)
class TuningResult:
    """The best of a study so far, and its trials."""

    config: Config  # with the best settings at their paths
    settings: Mapping[str, Any]  # path -> value, of the best trial
    score: float  # of it on valid, mean over the seeds
    seeds: tuple[int, ...]  # with which the top trials are scored
    trials: list[dict[str, Any]]  # number, state, score, settings, seconds, further_seeds, reason


def tune(
    source: Dataset | ConfigSource,
    *,
    out: str | Path,
    settings: ConfigSource | None = None,
    trials: int | None = None,
    hours: float | None = None,
    progress: Progress | None = None,
) -> TuningResult:
    """Search the settings that rank valid best, and write OUT, a config that `run` takes.

    `source` and `settings` are those of `run`. OUT's trials.json lists all trials, its study.sqlite
    stores the study: the same call resumes where the last one stopped, until `trials` (default: the
    config's) are done in all. The first trial is what `run` would choose, unless `tune.ranges`
    excludes it. Where the model draws at random, the best three and the first are scored with two
    further seeds in the end, and the best mean wins. No fit begins after `hours`. Whatever ends the
    study, its results so far are written. A study of other settings or data is refused.
    """
    clock = _Clock(hours)
    config, data = run_source(source, settings)
    count = config.tune.trials if trials is None else trials
    if count < 1 or (hours is not None and hours <= 0):
        received = f"{count} trials, {hours} hours"
        raise ConfigError("no time to tune", received=received, remedy="give 1 or more trials")
    _check_out(Path(out))
    with show_progress(progress) as shown:
        objective, fingerprint = _make_objective(config, data, shown)
        study = _Study(objective, Path(out), fingerprint)
        try:
            study.begin(clock.deadline, shown)
            _run_trials(study, count, clock, shown)
        finally:
            result = study.write()
    if result is None:
        raise FitError("no trial came to an end", received=study.last_reason(),
                       remedy="look at the trials.json, and narrow tune.ranges")  # fmt: skip
    return result


def _run_trials(study: _Study, count: int, clock: _Clock, progress: Progress) -> None:
    """Run trials until there are `count`, then the further seeds; stop when time is up."""
    while study.done < count and clock.remaining() > min(
        study.reseeding_seconds(), clock.total * _RESEEDING_SHARE
    ):
        progress("tune", study.done, count, study.summary())
        study.run_trial()
    progress("tune", study.done, count, study.summary())
    while clock.remaining() > 0 and study.reseed_next():
        progress("further seeds", *study.reseeding_progress(), study.summary())


class _Clock:
    """How many seconds there are, and how many remain."""

    def __init__(self, hours: float | None) -> None:
        self.total = math.inf if hours is None else hours * 3600
        self.deadline = time.monotonic() + self.total

    def remaining(self) -> float:
        return self.deadline - time.monotonic()


def _check_out(out: Path) -> None:
    """Raise `ConfigError` where a file that no study wrote would be overwritten."""
    if not out.is_file():
        return
    if not out.read_text(encoding="utf-8", errors="replace").startswith(_FIRST_LINE):
        remedy = "give another out="
        raise ConfigError("a file that tune did not write", received=str(out), remedy=remedy)


def _make_objective(
    config: Config, loaded: Dataset | None, progress: Progress
) -> tuple[Objective, str]:
    """Return the objective, and the fingerprint of the data that it scores on."""
    loaded = loaded or load_dataset(config.data, weights=config.weights, seed=config.seed)
    check_split(loaded.behaviour, config)
    data = loaded.without_test()
    if not len(data.valid):
        raise DataError("settings can't be chosen: the valid split is empty",
                        remedy="give data.split a valid share")  # fmt: skip
    encoders = dict(encoder_configs(config, data.catalog))
    objective = Objective(config.model_copy(update={"encode": encoders}), data, progress)
    digest = hashlib.sha256(loaded.fingerprint.encode())
    for name, view in sorted(objective.untuned()[1].items()):
        digest.update(name.encode())
        digest.update(view.vectors.data)
    return objective, digest.hexdigest()


@dataclass(frozen=True)
class _Outcome:
    """How a trial ended."""

    state: TrialState
    score: float | None = None
    details: Mapping[str, str] = field(default_factory=dict)


class _Study:
    """An Optuna study in a file."""

    def __init__(self, objective: Objective, out: Path, fingerprint: str) -> None:
        self._objective, self._out = objective, out
        self._space = settings_to_tune(objective.config, *objective.untuned())
        self._metric = objective.config.evaluate.select_by
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = out.with_suffix(".study.sqlite")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._study = optuna.create_study(
            storage=f"sqlite:///{path}", study_name="tune", direction="maximize",
            load_if_exists=True, pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        )  # fmt: skip
        self._check_identity(fingerprint, path)
        self._restart_killed()
        self._reseeding = self._make_reseeding()

    def _check_identity(self, fingerprint: str, path: Path) -> None:
        """Mark a new study with its config, data and ranges; refuse one with other marks."""
        ranges = [(s.path, s.labels or str(s.domain)) for s in self._space]
        parts = [_FORMAT, fingerprint, _comparable(self._objective.config), ranges]
        identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        stored = self._study.user_attrs.get("identity")
        if stored is None:
            self._study.set_user_attr("identity", identity)
        elif stored != identity:
            remedy = "give another out=, or delete it to start over"
            raise ConfigError("a study of another config or data", received=str(path),
                              remedy=remedy)  # fmt: skip

    def _make_reseeding(self) -> Reseeding:
        model, _ = self._objective.untuned()
        is_random = "seed" in part_settings(model)
        return Reseeding(self._study, self._objective.config.seed, is_random=is_random)

    def begin(self, deadline: float, progress: Progress) -> None:
        """Record what `run` would choose as the first trial, and tune the model that it chose."""
        stored = self._study.user_attrs.get("run_choice")
        choice = None if stored is None else RunChoice(**stored)
        if choice is None or not choice.complete:
            choice = choose_as_run(self._objective, deadline=deadline, progress=progress)
            self._study.set_user_attr("run_choice", asdict(choice))
        objective = self._objective
        objective.config = choice.config(objective)
        self._space = settings_to_tune(objective.config, *objective.untuned())
        self._reseeding = self._make_reseeding()
        settings = choice.all_settings(objective.config, self._space)
        if any(trial.user_attrs["result"]["settings"] == settings for trial in self._ended()):
            return
        params = {s.path: s.encode(settings.get(s.path)) for s in self._space}
        params = {path: value for path, value in params.items() if value is not None}
        ranges = objective.config.tune.ranges
        excluded = any(path in ranges and path not in params for path in settings)
        if choice.score is not None and not excluded:
            self._record_choice(settings, params, choice)
        elif choice.complete and not self.done:
            self._study.enqueue_trial(params)

    def _record_choice(
        self, settings: Mapping[str, Any], params: Mapping[str, Any], choice: RunChoice
    ) -> None:
        """Add a trial whose score is known; values outside of a range are no parameters of it."""
        distributions = {s.path: s.distribution for s in self._space if s.path in params}
        result = {"settings": settings, "seconds": choice.seconds, "chosen_by": "run"}
        trial = optuna.create_trial(
            params=dict(params),
            distributions=distributions,
            value=choice.score,
            user_attrs={"result": result},
        )
        self._study.add_trial(trial)

    def _restart_killed(self) -> None:
        """Queue the trials again that were running when the process was killed (decision 38)."""
        for killed in self._study.get_trials(states=[TrialState.RUNNING]):
            self._study.tell(killed.number, state=TrialState.FAIL)
            self._study.enqueue_trial(killed.params)

    @property
    def done(self) -> int:
        """Return the number of trials that have ended."""
        return len(self._ended())

    def summary(self) -> str:
        """Return the best result so far in words."""
        best = self._reseeding.best(self._ended())
        return "" if best is None else f"best {self._metric} {best[1]:.4f} (trial {best[0].number})"

    def reseeding_seconds(self) -> float:
        """Return how long the pending fits with further seeds will take."""
        pending = self._reseeding.pending(self._ended())
        return float(sum(trial.user_attrs["result"]["seconds"] for trial, _ in pending))

    def reseed_next(self) -> bool:
        """Score one top trial with one further seed; return False where none is pending."""
        pending = self._reseeding.pending(self._ended())
        for trial, seed in pending[:1]:
            settings = trial.user_attrs["result"]["settings"]
            config = with_settings(self._objective.config, settings)
            try:
                score = self._objective.score(config, seed=seed)
            except (FitError, MemoryError):
                score = None
            self._reseeding.record(trial, seed, score)
        return bool(pending)

    def reseeding_progress(self) -> tuple[int, int]:
        """Return how many fits with further seeds are done, and how many there are."""
        ended = self._ended()
        done = sum(len(self._reseeding.scores(trial)) for trial in top_trials(ended))
        return done, done + len(self._reseeding.pending(ended))

    def last_reason(self) -> str:
        """Return why the last trial failed."""
        results = [trial.user_attrs["result"] for trial in self._ended()]
        return str(results[-1].get("reason", "pruned")) if results else "no trials"

    def run_trial(self) -> None:
        """Run one trial; one that can't be fitted fails with its reason."""
        # seeded by the number of trials done: a resumed study makes the same trials (decision 17)
        seed = self._objective.config.seed + self.done
        random_trials = min(_RANDOM_TRIALS, 3 * len(self._space))
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=random_trials)
        trial = self._study.ask({s.path: s.distribution for s in self._space})
        settings = {s.path: s.decode(trial.params[s.path]) for s in self._space}
        started = time.perf_counter()
        outcome = self._earlier_outcome(settings) or self._evaluate(trial, settings)
        seconds = round(time.perf_counter() - started, 3)
        result = {"settings": settings, "seconds": seconds, **outcome.details}
        trial.set_user_attr("result", result)
        self._study.tell(trial, outcome.score, state=outcome.state)

    def _earlier_outcome(self, settings: Mapping[str, Any]) -> _Outcome | None:
        """Return the outcome of a complete trial with the same settings: it would be the same."""
        for earlier in self._ended():
            same = earlier.user_attrs["result"]["settings"] == settings
            if same and earlier.state == TrialState.COMPLETE:
                return _Outcome(TrialState.COMPLETE, earlier.value)
        return None

    def _evaluate(self, trial: optuna.Trial, settings: Mapping[str, Any]) -> _Outcome:
        config = with_settings(self._objective.config, settings)
        try:
            score = self._objective.score(config, partial(_prune_if_low, trial, []))
        except optuna.TrialPruned:
            return _Outcome(TrialState.PRUNED)
        except (FitError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            return _Outcome(TrialState.FAIL, details={"reason": reason})
        return _Outcome(TrialState.COMPLETE, score)

    def write(self) -> TuningResult | None:
        """Write the trials and the best config; return them, or None where no trial is complete."""
        ended = self._ended()
        rows = [self._row(trial) for trial in ended]
        best, score = self._reseeding.best(ended) or (None, 0.0)
        summary = {
            "metric": self._metric,
            "best": None if best is None else {**self._row(best), "mean": score},
            "trials": rows,
        }
        path = self._out.with_suffix(".trials.json")
        path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        if best is None:
            return None
        settings = best.user_attrs["result"]["settings"]
        seeds = (self._objective.config.seed, *self._reseeding.finished_seeds(ended))
        config = with_settings(self._objective.config, settings)
        tree = config.model_dump(mode="json", exclude={"tune"})
        head = (
            f"{_FIRST_LINE}: trial {best.number} of {len(rows)}, {self._metric} {score:.4f} on "
            f"valid with {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}.\n"
        )
        self._out.write_text(head + yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        return TuningResult(config, settings, score, seeds, rows)

    def _ended(self) -> list[FrozenTrial]:
        """Return the trials that came to an end, not those that were killed."""
        trials = self._study.get_trials(deepcopy=False, states=list(_STATES))
        return [trial for trial in trials if "result" in trial.user_attrs]

    def _row(self, trial: FrozenTrial) -> dict[str, Any]:
        head = {"number": trial.number, "state": _STATES[trial.state], "score": trial.value}
        scores = self._reseeding.scores(trial)
        return {
            **head,
            **trial.user_attrs["result"],
            **({"further_seeds": scores} if scores else {}),
        }


def _prune_if_low(trial: optuna.Trial, epochs: list[int], epoch: int, value: float) -> None:
    """Prune a trial whose value at this epoch is below the median of the others."""
    if epochs and epoch <= epochs[-1]:
        epochs.append(sys.maxsize)  # a second training (of a blend): not comparable to the first
        return
    epochs.append(epoch)
    trial.report(value, epoch)
    if trial.should_prune():
        raise optuna.TrialPruned


def _comparable(config: Config) -> dict[str, Any]:
    """Return the part of a config that decides what trials there are and what they reach."""
    tree = config.model_dump(mode="json", exclude={"cache", "engine", "media"})
    del tree["tune"]["trials"], tree["evaluate"]["metrics"], tree["data"]["path"]
    return tree
