"""The best trials, asked again: what is best with one seed may have been lucky with it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import optuna
from optuna.trial import FrozenTrial, TrialState

_MOST = 3  # trials that are asked again, beside the one without tuning
_SEEDS = 2  # further ones
_KEPT = "again"  # in the study: number of a trial -> seed -> figure, or None where it failed


class Reseeding:
    """Asks the best few trials of a study with further seeds, and keeps what came out.

    Round by round: each seed is asked of all, so that means are over the same seeds. Where the
    model draws nothing, there are no seeds to ask and the best of the first figures wins.
    """

    def __init__(self, study: optuna.Study, seed: int, *, draws: bool) -> None:
        self._study = study
        self.seeds = tuple(range(seed + 1, seed + 1 + _SEEDS)) if draws else ()

    def owed(self, ended: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, int]]:
        """Return the trials and seeds that are still to be asked, in their order."""
        some = top_trials(ended)
        if len(some) < 2:
            return []
        kept = self._kept()
        return [
            (trial, seed)
            for seed in self.seeds
            for trial in some
            if str(seed) not in kept.get(str(trial.number), {})
        ]

    def put(self, trial: FrozenTrial, seed: int, figure: float | None) -> None:
        """Keep what a trial's settings reached with this seed; None: they could not be fitted."""
        kept = self._kept()
        kept.setdefault(str(trial.number), {})[str(seed)] = figure
        self._study.set_user_attr(_KEPT, kept)

    def figures(self, trial: FrozenTrial) -> dict[str, float | None]:
        """Return what a trial reached with further seeds."""
        return dict(self._kept().get(str(trial.number), {}))

    def asked(self, ended: Sequence[FrozenTrial]) -> tuple[int, ...]:
        """Return the further seeds that all finalists were asked with."""
        kept = [self.figures(trial) for trial in top_trials(ended)]
        return tuple(seed for seed in self.seeds if kept and all(str(seed) in k for k in kept))

    def best(self, ended: Sequence[FrozenTrial]) -> tuple[FrozenTrial, float] | None:
        """Return the best trial and its mean over the seeds that all finalists were asked with.

        The first of equals. One that could not be fitted with such a seed is out, if another
        could.
        """
        some, kept = top_trials(ended), self._kept()
        if not some:
            return None
        asked = self.asked(ended)
        told = {t.number: [t.value, *(kept[str(t.number)][str(s)] for s in asked)] for t in some}
        whole = [trial for trial in some if None not in told[trial.number]]
        if not whole:
            return some[0], float(some[0].value or 0.0)
        means = {trial.number: fmean(told[trial.number]) for trial in whole}
        best = max(whole, key=lambda trial: means[trial.number])
        return best, means[best.number]

    def _kept(self) -> dict[str, dict[str, float | None]]:
        kept: dict[str, dict[str, float | None]] = self._study.user_attrs.get(_KEPT, {})
        return kept


def top_trials(ended: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the best few trials, the best first and none twice, and the one without tuning."""
    done = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    done.sort(key=lambda trial: -(trial.value or 0.0))  # stable: the first of equals
    apart: list[FrozenTrial] = []
    for trial in done:
        if all(_settings(trial) != _settings(other) for other in apart):
            apart.append(trial)
    return apart[:_MOST] + [trial for trial in apart[_MOST:] if trial.number == 0]


def _settings(trial: FrozenTrial) -> dict[str, object]:
    settings: dict[str, object] = trial.user_attrs["told"]["settings"]
    return settings
