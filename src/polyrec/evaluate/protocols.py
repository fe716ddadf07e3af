"""Who is asked, what is hidden, what counts: the protocols of evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyrec.errors import FitError
from polyrec.evaluate.metrics import OVER_LISTS, PER_USER, Metric, Values
from polyrec.types import Bools, Interactions, Ints, Ranking, Recommender


@dataclass(frozen=True)
class Evaluation:
    """What a recommender reached: lists, values per user, and their means."""

    users: Ints  # (b,)
    ranking: Ranking  # (b, k)
    hits: Bools  # (b, k)
    relevant: Ints  # (b,) how many items were there to be found
    values: Mapping[str, Values]  # (b,) of each metric that users have one by one
    means: Mapping[str, float]

    def save_per_user(self, path: Path) -> None:
        """Write users and their values as npz, for paired tests between runs."""
        arrays = {name.replace("@", "_at_"): array for name, array in self.values.items()}
        np.savez_compressed(path, users=self.users, **arrays)  # type: ignore[arg-type]


def compat(
    recommender: Recommender, train: Interactions, target: Interactions, metrics: Sequence[str]
) -> Evaluation:
    """Return how well `target` is predicted from `train`: full ranking, train items hidden.

    Asked are the users with train events and relevant items (weights adding up to over 0) in
    `target`; only what they did in train is hidden, for valid and for test; the mean is over them.
    """
    asked = [Metric.parse(name) for name in metrics]
    relevant = target.positives()
    counts = np.diff(relevant.indptr).astype(np.int64)
    active = np.zeros(train.shape[0], bool)
    active[train.users] = True
    users = np.flatnonzero(active & (counts > 0))
    if not len(users):
        raise FitError("nobody to evaluate on", received=f"{len(target)} target events",
                       remedy="users need train events and relevant target items")  # fmt: skip
    longest = max(metric.k for metric in asked)
    ranking = recommender.recommend(train.histories(users), longest, hide_seen=True)
    hits = _hits(ranking.items, users, relevant.indices, relevant.indptr, train.shape[1])
    popularity = np.asarray(train.positives().astype(bool).sum(axis=0), np.float32).reshape(-1)
    values, means = {}, {}
    for name, metric in zip(metrics, asked, strict=True):
        if metric.name in PER_USER:
            values[name] = PER_USER[metric.name](hits[:, : metric.k], counts[users])
            means[name] = float(values[name].mean())
        else:
            means[name] = OVER_LISTS[metric.name](ranking.items[:, : metric.k], popularity)
    return Evaluation(users, ranking, hits, counts[users], values, means)


def interval(values: Values, *, seed: int = 0, resamples: int = 1000) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the mean over users (percentiles; Efron, 1979)."""
    generator = np.random.default_rng(seed)
    means = [values[generator.integers(len(values), size=len(values))].mean()
             for _ in range(resamples)]  # fmt: skip
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _hits(lists: Ints, users: Ints, indices: Ints, indptr: Ints, items: int) -> Bools:
    """Return (b, k) whether each listed item is relevant to its user."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    known = np.sort(rows * items + indices)
    asked = users[:, None] * items + lists
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    hits: Bools = (known[place] == asked) & (lists >= 0)
    return hits
