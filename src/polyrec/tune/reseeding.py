"""Score the best trials with further seeds: what is best with one seed may have been lucky."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import optuna
from optuna.trial import FrozenTrial, TrialState

_TOP = 3  # trials that are scored again, beside the first
_SEEDS = 2  # further ones
_ATTRIBUTE = "further_seeds"  # of the study: trial number -> seed -> score, None where it failed


class Reseeding:
    """Scores of a study's best trials with further seeds (decision 34).

    Seed by seed over all these trials, so that means are over the same seeds. Where the model draws
    nothing at random, there are no further seeds and the best first score wins.
    """

    def __init__(self, study: optuna.Study, seed: int, *, is_random: bool) -> None:
        self._study = study
        self.seeds = tuple(range(seed + 1, seed + 1 + _SEEDS)) if is_random else ()

    def pending(self, ended: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, int]]:
        """Return the trials and seeds that are still to be scored, in order."""
        top = top_trials(ended)
        if len(top) < 2:
            return []
        scores = self._all_scores()
        return [
            (trial, seed)
            for seed in self.seeds
            for trial in top
            if str(seed) not in scores.get(str(trial.number), {})
        ]

    def record(self, trial: FrozenTrial, seed: int, score: float | None) -> None:
        """Store the score of a trial's settings with this seed; None: they could not be fitted."""
        scores = self._all_scores()
        scores.setdefault(str(trial.number), {})[str(seed)] = score
        self._study.set_user_attr(_ATTRIBUTE, scores)

    def scores(self, trial: FrozenTrial) -> dict[str, float | None]:
        """Return seed -> score of a trial, of the further seeds."""
        return dict(self._all_scores().get(str(trial.number), {}))

    def finished_seeds(self, ended: Sequence[FrozenTrial]) -> tuple[int, ...]:
        """Return the further seeds with which all top trials are scored."""
        scores = [self.scores(trial) for trial in top_trials(ended)]
        return tuple(
            seed for seed in self.seeds if scores and all(str(seed) in own for own in scores)
        )

    def best(self, ended: Sequence[FrozenTrial]) -> tuple[FrozenTrial, float] | None:
        """Return the best trial and its mean over the first and the finished further seeds.

        The first of equals. A trial that could not be fitted with such a seed is out, unless all
        are.
        """
        top = top_trials(ended)
        if not top:
            return None
        seeds = self.finished_seeds(ended)
        scores = {t.number: [t.value, *(self.scores(t)[str(seed)] for seed in seeds)] for t in top}
        complete = [trial for trial in top if None not in scores[trial.number]]
        if not complete:
            return top[0], float(top[0].value or 0.0)
        means = {trial.number: fmean(scores[trial.number]) for trial in complete}
        best = max(complete, key=lambda trial: means[trial.number])
        return best, means[best.number]

    def _all_scores(self) -> dict[str, dict[str, float | None]]:
        scores: dict[str, dict[str, float | None]] = self._study.user_attrs.get(_ATTRIBUTE, {})
        return scores


def top_trials(ended: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the best three trials with different settings, best first, and what `run` chose."""
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: -(trial.value or 0.0))  # stable: the first of equals
    distinct: list[FrozenTrial] = []
    for trial in complete:
        if all(_settings(trial) != _settings(other) for other in distinct):
            distinct.append(trial)
    return distinct[:_TOP] + [trial for trial in distinct[_TOP:] if _is_start(trial)]


def _is_start(trial: FrozenTrial) -> bool:
    return trial.number == 0 or "chosen_by" in trial.user_attrs["result"]


def _settings(trial: FrozenTrial) -> dict[str, object]:
    settings: dict[str, object] = trial.user_attrs["result"]["settings"]
    return settings
