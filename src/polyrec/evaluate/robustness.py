"""What is lost when a modality goes missing, and what a modality is worth at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.contracts import Recommender
from polyrec.errors import ConfigError, nearest
from polyrec.evaluate.protocols import Evaluation, bootstrap_interval, evaluate_top_k
from polyrec.types import FUSED, Embeddings, Floats, Interactions, Views

RATES = (0.0, 0.2, 0.4, 0.6, 0.8)
"""The shares of its items that a modality loses (design, section 3)."""

KNOCKOUTS = ("noise", "shuffled", "absent")
"""The ways to knock a modality out."""

_FIFTHS = 5

FitRecommender: TypeAlias = Callable[[Views], Recommender]
"""From views to a fitted recommender: aligns, fuses and fits anew, so that no loss is undone."""

Row: TypeAlias = dict[str, str | int | float | None]
"""One line of a table: what was done to which modality, and what came of one metric."""


@dataclass(frozen=True)
class EvalSetting:
    """What every recommender is asked: see `evaluate_top_k`."""

    train: Interactions  # what the ways learn from; tells popularity
    target: Interactions
    metrics: Sequence[str]
    views: Views = field(default_factory=dict)  # what diversity and calibration read

    def of(self, recommender: Recommender) -> Evaluation:
        """Return what a recommender reaches."""
        return evaluate_top_k(recommender, self.train, self.target, self.metrics, views=self.views)

    @property
    def popularity(self) -> Floats:
        """Return (n,) how many users took each item in train."""
        taken = self.train.positives().indices
        return np.bincount(taken, minlength=self.train.shape[1]).astype(np.float32)


def drop_modality(
    views: Views, modality: str, *, rate: float, popularity: npt.ArrayLike, seed: int
) -> Views:
    """Return the views with one of them lost for a share of the items that have it.

    Each fifth by popularity loses the same share, to within one item. With the same seed, what is
    lost at a rate is lost at every higher one. The fused view, which still knows, is left out.
    """
    if not 0 <= rate <= 1:
        raise ConfigError("rate is out of range", received=rate, remedy="give 0 to 1")
    view = _view(views, modality)
    lost = np.zeros(len(view), bool)
    having = np.flatnonzero(view.present)
    lost[having] = _turns(np.asarray(popularity)[having], seed) < rate
    return _with(views, modality, view.vectors, view.present & ~lost)


def evaluate_missing(
    ways: Mapping[str, FitRecommender],
    views: Views,
    exam: EvalSetting,
    *,
    modalities: Sequence[str] = (),
    rates: Sequence[float] = RATES,
    seed: int = 0,
) -> list[Row]:
    """Return what each way reaches when items lose a modality, each of these (none: all) in turn.

    A row has `modality`, `rate`, `lost` (items), `way`, `metric`, `value`, and two differences:
    `change` to the same way with nothing lost, `lead` of the first way over this one at the same
    loss. Their 95% intervals (`change_low` ...) are bootstrapped over users, in pairs; metrics that
    users don't have one by one have none. Fits each way once, and once per modality and loss.
    """
    whole = _parts(views)
    before, popularity = _reached(ways, whole, exam), exam.popularity
    rows = []
    for modality in modalities or sorted(whole):
        for rate in rates:
            left = drop_modality(whole, modality, rate=rate, popularity=popularity, seed=seed)
            lost = int(whole[modality].present.sum() - left[modality].present.sum())
            after = _reached(ways, left, exam) if lost else before
            rows += _rows({"modality": modality, "rate": rate, "lost": lost}, before, after)
    return rows


def knock_out_modality(views: Views, modality: str, how: str, *, seed: int) -> Views:
    """Return the views with one of them replaced by something that tells nothing of its items.

    noise: Gaussian rows of the same mean and variances; shuffled: every item gets another one's
    row; absent: nobody has it. The first two leave it present where it was. The fused view, which
    still knows, is left out.
    """
    if how not in KNOCKOUTS:
        raise ConfigError("unknown knockout", received=how, remedy=nearest(how, KNOCKOUTS))
    view = _view(views, modality)
    having = np.flatnonzero(view.present)
    if how == "absent" or not len(having):
        return _with(views, modality, view.vectors, np.zeros(len(view), bool))
    vectors = view.vectors.copy()
    vectors[having] = _FAKES[how](view.vectors[having], np.random.default_rng(seed))
    return _with(views, modality, vectors, view.present)


def evaluate_knockout(
    ways: Mapping[str, FitRecommender],
    views: Views,
    exam: EvalSetting,
    *,
    modalities: Sequence[str] = (),
    seed: int = 0,
) -> list[Row]:
    """Return what each way reaches when a modality is knocked out, each of these (none: all).

    A row has `modality`, `how` and then the columns of `evaluate_missing`; modality "" is nothing
    knocked out. A modality carries information only where all three knockouts cost accuracy: noise
    can harm by itself, and an absent row can matter for its presence instead of its content.
    """
    whole = _parts(views)
    before = _reached(ways, whole, exam)
    rows = _rows({"modality": "", "how": ""}, before, before)
    for modality in modalities or sorted(whole):
        for how in KNOCKOUTS:
            after = _reached(ways, knock_out_modality(whole, modality, how, seed=seed), exam)
            rows += _rows({"modality": modality, "how": how}, before, after)
    return rows


def _noise(rows: Floats, generator: np.random.Generator) -> Floats:
    mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    return np.asarray(mean + spread * generator.standard_normal(rows.shape), np.float32)


def _shuffled(rows: Floats, generator: np.random.Generator) -> Floats:
    order = generator.permutation(len(rows))
    moved = np.empty_like(rows)
    moved[order] = rows[np.roll(order, 1)]  # one cycle: nobody keeps the own row
    return moved


_FAKES: Mapping[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "noise": _noise,
    "shuffled": _shuffled,
}


def _turns(popularity: Floats, seed: int) -> npt.NDArray[np.float64]:
    """Return (m,) in 0..1 the rate above which each item is lost.

    Within a fifth the turns are evenly spaced in random order; the fifths take turns too, so that
    the whole loses its share even where a fifth is too small to do so exactly.
    """
    generator = np.random.default_rng(seed)
    ordered = np.lexsort((generator.random(len(popularity)), -popularity))
    phases = (generator.permutation(_FIFTHS) + 0.5) / _FIFTHS
    turns = np.empty(len(popularity))
    for block, phase in zip(np.array_split(ordered, _FIFTHS), phases, strict=True):
        turns[block] = (generator.permutation(len(block)) + phase) / max(1, len(block))
    return turns


def _reached(
    ways: Mapping[str, FitRecommender], views: Views, exam: EvalSetting
) -> dict[str, Evaluation]:
    return {name: exam.of(way(views)) for name, way in ways.items()}


def _rows(
    labels: Row, before: Mapping[str, Evaluation], after: Mapping[str, Evaluation]
) -> list[Row]:
    rows = []
    for way, found in after.items():
        first = after[next(iter(after))]
        for metric, value in found.means.items():
            change = _difference(found, before[way], metric, "change")
            lead = _difference(first, found, metric, "lead")
            told: Row = {"way": way, "metric": metric, "value": value}
            rows.append({**labels, **told, **change, **lead})
    return rows


def _difference(one: Evaluation, other: Evaluation, metric: str, name: str) -> Row:
    """Return one's mean less the other's, with the interval over the users of both."""
    low, high = None, None
    if metric in one.values:
        low, high = bootstrap_interval(one.values[metric] - other.values[metric])
    value = one.means[metric] - other.means[metric]
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _view(views: Views, modality: str) -> Embeddings:
    parts = _parts(views)
    if modality not in parts:
        raise ConfigError("no such view", received=modality, remedy=nearest(modality, parts))
    return parts[modality]


def _parts(views: Views) -> dict[str, Embeddings]:
    return {name: view for name, view in views.items() if name != FUSED}


def _with(
    views: Views, modality: str, vectors: Floats, present: npt.NDArray[np.bool_]
) -> dict[str, Embeddings]:
    """Return the views with other rows for one of them; absent ones are 0."""
    view = views[modality]
    rows = np.where(present[:, None], vectors, np.float32(0))
    return _parts(views) | {modality: Embeddings(rows, present, view.problems, view.space)}
