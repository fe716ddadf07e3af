"""One study: trials on train and valid, kept as they come, the best written as a config."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from polyrec.artifact import part_state
from polyrec.config import Config
from polyrec.data.load import load_dataset
from polyrec.errors import ConfigError, DataError, FitError
from polyrec.evaluate.leakage_checks import check_split
from polyrec.pipeline.assemble import encoder_configs, validated_config
from polyrec.tune.objective import Objective
from polyrec.tune.reseeding import Reseeding, top_trials
from polyrec.tune.space import TunedSetting, settings_to_tune, with_settings
from polyrec.types import Progress, silent

_STATES = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_MADE = "# Made by `polyrec tune`"
_RANDOM = 10  # trials, at most, before those done say where to look; 3 per setting at most
_FOR_FINALS = 1 / 3  # of the hours, at most


@dataclass(frozen=True)
class TuningResult:
    """What a study has found so far."""

    config: Config  # with the best settings in their places
    settings: Mapping[str, Any]  # path -> value, of the best trial
    score: float  # of it on valid, mean over the seeds
    seeds: tuple[int, ...]  # that the best trials were asked with
    trials: list[dict[str, Any]]  # number, state, score, settings, seconds, again, reason


def tune(
    config: Config | str | Path,
    *,
    out: str | Path,
    trials: int | None = None,
    hours: float | None = None,
    progress: Progress = silent,
) -> TuningResult:
    """Look for settings that rank valid best, and write OUT, a config that `run` takes.

    OUT's trials.json tells all trials, its study.sqlite keeps the study: the same call goes on
    where the last one stopped, until `trials` (default: the config's) are done in all. The first
    trial is what the config would do anyway. Of a model that draws at random, the best three and
    the first are asked with two further seeds in the end, and the best mean wins. No fit begins
    after `hours`. Whatever ends the study, what it had found is written. A study of other settings
    or data is refused.
    """
    clock = _Clock(hours)
    settings = validated_config(config)
    wanted = settings.tune.trials if trials is None else trials
    if wanted < 1 or (hours is not None and hours <= 0):
        received = f"{wanted} trials, {hours} hours"
        raise ConfigError("no time to tune", received=received, remedy="give 1 or more trials")
    _check_place(Path(out))
    bench, fingerprint = _begin(settings, progress)
    space = settings_to_tune(bench.config, *bench.first())
    study = _Study(bench, space, Path(out), fingerprint)
    try:
        while study.done < wanted and clock.left() > min(study.owed(), clock.whole * _FOR_FINALS):
            progress("tune", study.done, wanted, study.told())
            study.go_on()
        progress("tune", study.done, wanted, study.told())
        while clock.left() > 0 and study.ask_again():
            progress("further seeds", *study.asked_again(), study.told())
    finally:
        found = study.write()
    if found is None:
        raise FitError("no trial came to an end", received=study.last_reason(),
                       remedy="look at the trials.json, and narrow tune.ranges")  # fmt: skip
    return found


class _Clock:
    """How many seconds there are, and how many are left."""

    def __init__(self, hours: float | None) -> None:
        self._started = time.monotonic()
        self.whole = math.inf if hours is None else hours * 3600

    def left(self) -> float:
        return self.whole - (time.monotonic() - self._started)


def _check_place(out: Path) -> None:
    """Raise `ConfigError` where another file than a study's own would be written over."""
    if out.is_file() and not out.read_text(encoding="utf-8", errors="replace").startswith(_MADE):
        remedy = "give another --out"
        raise ConfigError("another file is in the place", received=str(out), remedy=remedy)


def _begin(config: Config, progress: Progress) -> tuple[Objective, str]:
    """Return where models are made and asked, and the fingerprint of what they learn from."""
    loaded = load_dataset(config.data, weights=config.weights, seed=config.seed)
    check_split(loaded.dataset.behaviour, config)
    data = loaded.dataset.without_test()
    if not len(data.valid):
        raise DataError("settings can't be chosen: the valid split is empty",
                        remedy="give data.split a valid share")  # fmt: skip
    encoders = dict(encoder_configs(config, data.catalog))
    bench = Objective(config.model_copy(update={"encode": encoders}), data, progress)
    digest = hashlib.sha256(loaded.fingerprint.encode())
    for name, view in sorted(bench.first()[1].items()):
        digest.update(name.encode())
        digest.update(view.vectors.data)
    return bench, digest.hexdigest()


@dataclass(frozen=True)
class _Reached:
    """How a trial ended."""

    state: TrialState
    score: float | None = None
    why: Mapping[str, str] = field(default_factory=dict)


class _Study:
    """An Optuna study in a file: which trial comes next, what came out."""

    def __init__(
        self, bench: Objective, space: list[TunedSetting], out: Path, fingerprint: str
    ) -> None:
        self._bench, self._space, self._out = bench, space, out
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        place = out.with_suffix(".study.sqlite")
        place.parent.mkdir(parents=True, exist_ok=True)
        self._study = optuna.create_study(
            storage=f"sqlite:///{place}", study_name="tune", direction="maximize",
            load_if_exists=True, pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        )  # fmt: skip
        self._claim(fingerprint, place)
        draws = "seed" in part_state.part_settings(bench.first()[0])
        self._finals = Reseeding(self._study, bench.config.seed, draws=draws)

    def _claim(self, fingerprint: str, place: Path) -> None:
        ranges = [(s.path, s.labels or str(s.where)) for s in self._space]
        told = [fingerprint, _identity(self._bench.config), ranges]
        identity = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        known = self._study.user_attrs.get("identity")
        if known is None:
            self._study.set_user_attr("identity", identity)
            start = {s.path: s.start for s in self._space if s.start is not None}
            self._study.enqueue_trial(start)
        elif known != identity:
            remedy = "give another --out, or delete it to begin anew"
            raise ConfigError("a study of another config or data", received=str(place),
                              remedy=remedy)  # fmt: skip
        for cut in self._study.get_trials(states=[TrialState.RUNNING]):
            self._study.tell(cut.number, state=TrialState.FAIL)
            self._study.enqueue_trial(cut.params)

    @property
    def done(self) -> int:
        """Return how many trials have ended by themselves."""
        return len(self._ended())

    def told(self) -> str:
        """Return the best so far in words."""
        best = self._finals.best(self._ended())
        return "" if best is None else f"best {self._by} {best[1]:.4f} (trial {best[0].number})"

    def owed(self) -> float:
        """Return how many seconds it will take to ask the best trials again."""
        owed = self._finals.owed(self._ended())
        return float(sum(trial.user_attrs["told"]["seconds"] for trial, _ in owed))

    def ask_again(self) -> bool:
        """Ask one of the best trials with one further seed; return False where none is owed."""
        owed = self._finals.owed(self._ended())
        for trial, seed in owed[:1]:
            config = with_settings(self._bench.config, trial.user_attrs["told"]["settings"])
            try:
                figure = self._bench.score(config, seed=seed)
            except (FitError, MemoryError):
                figure = None
            self._finals.put(trial, seed, figure)
        return bool(owed)

    def asked_again(self) -> tuple[int, int]:
        """Return how many such fits are done, and how many there are."""
        ended = self._ended()
        done = sum(len(self._finals.figures(trial)) for trial in top_trials(ended))
        return done, done + len(self._finals.owed(ended))

    def last_reason(self) -> str:
        """Return why the last trial failed."""
        told = [trial.user_attrs["told"] for trial in self._ended()]
        return str(told[-1].get("reason", "pruned")) if told else "no trials"

    def go_on(self) -> None:
        """Make one trial. One that can't be fitted has failed, with its reason."""
        # seeded by what is done: a study that was stopped goes on as if it had not been
        seed = self._bench.config.seed + self.done
        drawn_blindly = min(_RANDOM, 3 * len(self._space))
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=drawn_blindly)
        trial = self._study.ask()
        drawn = {setting.path: setting.draw(trial) for setting in self._space}
        started = time.perf_counter()
        reached = self._known(drawn) or self._try(trial, drawn)
        seconds = round(time.perf_counter() - started, 3)
        trial.set_user_attr("told", {"settings": drawn, "seconds": seconds, **reached.why})
        self._study.tell(trial, reached.score, state=reached.state)

    def _known(self, drawn: Mapping[str, Any]) -> _Reached | None:
        """Return what the same settings reached before: they would reach it again."""
        for earlier in self._ended():
            same = earlier.user_attrs["told"]["settings"] == drawn
            if same and earlier.state == TrialState.COMPLETE:
                return _Reached(TrialState.COMPLETE, earlier.value)
        return None

    def _try(self, trial: optuna.Trial, drawn: Mapping[str, Any]) -> _Reached:
        config = with_settings(self._bench.config, drawn)
        try:
            score = self._bench.score(config, partial(_watch, trial, []))
        except optuna.TrialPruned:
            return _Reached(TrialState.PRUNED)
        except (FitError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            return _Reached(TrialState.FAIL, why={"reason": reason})
        return _Reached(TrialState.COMPLETE, score)

    def write(self) -> TuningResult | None:
        """Write the trials and the best config; return them, or None where no trial is done."""
        ended = self._ended()
        trials = [self._row(trial) for trial in ended]
        best, score = self._finals.best(ended) or (None, 0.0)
        told = {
            "metric": self._by,
            "best": None if best is None else {**self._row(best), "mean": score},
            "trials": trials,
        }
        place = self._out.with_suffix(".trials.json")
        place.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        if best is None:
            return None
        found = best.user_attrs["told"]["settings"]
        seeds = (self._bench.config.seed, *self._finals.asked(ended))
        config = with_settings(self._bench.config, found)
        tree = config.model_dump(mode="json", exclude={"tune"})
        head = (
            f"{_MADE}: trial {best.number} of {len(trials)}, {self._by} {score:.4f} on valid "
            f"with {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}.\n"
        )
        self._out.write_text(head + yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        return TuningResult(config, found, score, seeds, trials)

    @property
    def _by(self) -> str:
        return self._bench.config.evaluate.select_by

    def _ended(self) -> list[FrozenTrial]:
        """Return the trials that came to an end of their own: not those cut off by a kill."""
        trials = self._study.get_trials(deepcopy=False, states=list(_STATES))
        return [trial for trial in trials if "told" in trial.user_attrs]

    def _row(self, trial: FrozenTrial) -> dict[str, Any]:
        told = {"number": trial.number, "state": _STATES[trial.state], "score": trial.value}
        again = self._finals.figures(trial)
        return {**told, **trial.user_attrs["told"], **({"again": again} if again else {})}


def _watch(trial: optuna.Trial, seen: list[int], epoch: int, value: float) -> None:
    """Give up on a trial that at this epoch is below the median of the others."""
    if seen and epoch <= seen[-1]:
        seen.append(sys.maxsize)  # a second training (a blend's): not to be set beside the first
        return
    seen.append(epoch)
    trial.report(value, epoch)
    if trial.should_prune():
        raise optuna.TrialPruned


def _identity(config: Config) -> dict[str, Any]:
    """Return what of a config tells what a trial reaches, and where trials may lie."""
    told = config.model_dump(mode="json", exclude={"cache", "engine", "media"})
    del told["tune"]["trials"], told["evaluate"]["metrics"], told["data"]["path"]
    return told
