"""Metrics with a modality missing for some items, and with a modality knocked out."""

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
"""The shares of its items that a modality loses."""

KNOCKOUTS = ("noise", "shuffled", "absent")
"""The replacements for a modality."""

_FIFTHS = 5

FitRecommender: TypeAlias = Callable[[Views], Recommender]
"""fit(views) returns a recommender, aligned, fused and fitted anew on exactly these views."""

Row: TypeAlias = dict[str, str | int | float | None]
"""A row of a table: modality, change, model, metric, value and differences."""


@dataclass(frozen=True)
class EvalSetting:
    """The arguments of `evaluate_top_k` that all recommenders share."""

    train: Interactions
    target: Interactions
    metrics: Sequence[str]
    views: Views = field(default_factory=dict)  # read by diversity and calibration

    def evaluate(self, recommender: Recommender) -> Evaluation:
        """Return the evaluation of a recommender."""
        return evaluate_top_k(recommender, self.train, self.target, self.metrics, views=self.views)

    @property
    def popularity(self) -> Floats:
        """Return (n,) the number of users who took each item in train."""
        taken = self.train.positives().indices
        return np.bincount(taken, minlength=self.train.shape[1]).astype(np.float32)


def drop_modality(
    views: Views, modality: str, *, rate: float, popularity: npt.ArrayLike, seed: int
) -> Views:
    """Return the views with one of them absent for a share of the items that have it.

    Each fifth by popularity loses the same share, to within one item. With the same seed, an item
    that loses it at one rate loses it at every higher one. The fused view, which contains the
    modality, is left out.
    """
    if not 0 <= rate <= 1:
        raise ConfigError("rate is out of range", received=rate, remedy="give 0 to 1")
    view = _view(views, modality)
    lost = np.zeros(len(view), bool)
    items = np.flatnonzero(view.present)
    lost[items] = _loss_rates(np.asarray(popularity)[items], seed) < rate
    return _replaced(views, modality, view.vectors, view.present & ~lost)


def evaluate_missing(
    models: Mapping[str, FitRecommender],
    views: Views,
    setting: EvalSetting,
    *,
    modalities: Sequence[str] = (),
    rates: Sequence[float] = RATES,
    seed: int = 0,
) -> list[Row]:
    """Return the metrics of each model where items lose one of the modalities ((): of all).

    A row has `modality`, `rate`, `lost` (items), `model`, `metric`, `value`, and two differences:
    `change` to the same model without loss, `lead` of the first model over this one at the same
    loss. Their 95% intervals (`change_low` ...) are paired bootstraps over users; metrics over all
    lists have none. Fits each model once, and once per modality and rate.
    """
    content = _without_fused(views)
    before, popularity = _evaluations(models, content, setting), setting.popularity
    rows = []
    for modality in modalities or sorted(content):
        for rate in rates:
            left = drop_modality(content, modality, rate=rate, popularity=popularity, seed=seed)
            lost = int(content[modality].present.sum() - left[modality].present.sum())
            after = _evaluations(models, left, setting) if lost else before
            rows += _rows({"modality": modality, "rate": rate, "lost": lost}, before, after)
    return rows


def knock_out_modality(views: Views, modality: str, how: str, *, seed: int) -> Views:
    """Return the views with one of them replaced by rows without information on their items.

    noise: Gaussian rows of the same mean and variances; shuffled: every item gets the row of
    another; absent: no item has it. The first two leave presence as it was. The fused view, which
    contains the modality, is left out.
    """
    if how not in KNOCKOUTS:
        raise ConfigError("unknown knockout", received=how, remedy=nearest(how, KNOCKOUTS))
    view = _view(views, modality)
    items = np.flatnonzero(view.present)
    if how == "absent" or not len(items):
        return _replaced(views, modality, view.vectors, np.zeros(len(view), bool))
    vectors = view.vectors.copy()
    vectors[items] = _REPLACEMENTS[how](view.vectors[items], np.random.default_rng(seed))
    return _replaced(views, modality, vectors, view.present)


def evaluate_knockout(
    models: Mapping[str, FitRecommender],
    views: Views,
    setting: EvalSetting,
    *,
    modalities: Sequence[str] = (),
    seed: int = 0,
) -> list[Row]:
    """Return the metrics of each model with one of the modalities knocked out ((): each of all).

    A row has `modality`, `how` and then the columns of `evaluate_missing`; modality "" is nothing
    knocked out. A modality carries information only where all three knockouts cost accuracy: noise
    can harm by itself, and an absent row can matter for its presence instead of its content.
    """
    content = _without_fused(views)
    before = _evaluations(models, content, setting)
    rows = _rows({"modality": "", "how": ""}, before, before)
    for modality in modalities or sorted(content):
        for how in KNOCKOUTS:
            replaced = knock_out_modality(content, modality, how, seed=seed)
            after = _evaluations(models, replaced, setting)
            rows += _rows({"modality": modality, "how": how}, before, after)
    return rows


def _noise(rows: Floats, generator: np.random.Generator) -> Floats:
    mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    return np.asarray(mean + spread * generator.standard_normal(rows.shape), np.float32)


def _shuffled(rows: Floats, generator: np.random.Generator) -> Floats:
    order = generator.permutation(len(rows))
    shuffled = np.empty_like(rows)
    shuffled[order] = rows[np.roll(order, 1)]  # one cycle: no item keeps its own row
    return shuffled


_REPLACEMENTS: Mapping[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "noise": _noise,
    "shuffled": _shuffled,
}


def _loss_rates(popularity: Floats, seed: int) -> npt.NDArray[np.float64]:
    """Return (m,) in 0..1 the rate above which each item is lost.

    Within a fifth the rates are evenly spaced in random order; the offsets of the fifths are spaced
    too, so that all items together lose their share even where a fifth is too small to.
    """
    generator = np.random.default_rng(seed)
    ordered = np.lexsort((generator.random(len(popularity)), -popularity))
    phases = (generator.permutation(_FIFTHS) + 0.5) / _FIFTHS
    rates = np.empty(len(popularity))
    for block, phase in zip(np.array_split(ordered, _FIFTHS), phases, strict=True):
        rates[block] = (generator.permutation(len(block)) + phase) / max(1, len(block))
    return rates


def _evaluations(
    models: Mapping[str, FitRecommender], views: Views, setting: EvalSetting
) -> dict[str, Evaluation]:
    return {name: setting.evaluate(fit(views)) for name, fit in models.items()}


def _rows(
    labels: Row, before: Mapping[str, Evaluation], after: Mapping[str, Evaluation]
) -> list[Row]:
    rows = []
    first = next(iter(after.values()))
    for model, evaluation in after.items():
        for metric, value in evaluation.means.items():
            change = _difference(evaluation, before[model], metric, "change")
            lead = _difference(first, evaluation, metric, "lead")
            head: Row = {"model": model, "metric": metric, "value": value}
            rows.append({**labels, **head, **change, **lead})
    return rows


def _difference(first: Evaluation, second: Evaluation, metric: str, name: str) -> Row:
    """Return the first mean less the second, with the interval over the users of both."""
    low, high = None, None
    if metric in first.values:
        low, high = bootstrap_interval(first.values[metric] - second.values[metric])
    difference = first.means[metric] - second.means[metric]
    return {name: difference, f"{name}_low": low, f"{name}_high": high}


def _view(views: Views, modality: str) -> Embeddings:
    content = _without_fused(views)
    if modality not in content:
        raise ConfigError("no such view", received=modality, remedy=nearest(modality, content))
    return content[modality]


def _without_fused(views: Views) -> dict[str, Embeddings]:
    return {name: view for name, view in views.items() if name != FUSED}


def _replaced(
    views: Views, modality: str, vectors: Floats, present: npt.NDArray[np.bool_]
) -> dict[str, Embeddings]:
    """Return the views with other rows for one of them; absent ones are 0."""
    view = views[modality]
    rows = np.where(present[:, None], vectors, np.float32(0))
    return _without_fused(views) | {modality: Embeddings(rows, present, view.problems, view.space)}
