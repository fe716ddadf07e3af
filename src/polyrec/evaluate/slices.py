"""Metrics by history length, item popularity and modality: where a model is good, and for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyrec.evaluate.metrics import HIT_METRICS, Metric
from polyrec.evaluate.protocols import Evaluation, hit_values, relevant_counts
from polyrec.types import FUSED, Bools, Interactions, Ints, Views

_PARTS = 3
_FEWEST_USERS = 10  # a mean over fewer says nothing


@dataclass(frozen=True)
class Slice:
    """The means of a part of the users, or of all users over a part of the items."""

    by: str  # "history", "popularity" or the name of a view
    name: str
    users: int
    means: Mapping[str, float]


def slice_evaluation(
    evaluation: Evaluation,
    train: Interactions,
    target: Interactions,
    views: Views,
    metrics: Sequence[str],
) -> list[Slice]:
    """Return the metrics that count hits, in slices of at least ten users.

    By history: users in thirds by their number of train events. By popularity: relevant items of
    the head, the middle and the tail, which have a third of the train events each, and items
    without any. By view: relevant items with and without it. As for warm and cold items, lists stay
    the same, and only relevant items of the slice count.
    """
    parsed = {name: Metric.parse(name) for name in metrics}
    parsed = {name: m for name, m in parsed.items() if m.name in HIT_METRICS and not m.suffix}
    slices = [
        _slice_of_users("history", name, evaluation, rows, list(parsed))
        for name, rows in _history_groups(evaluation, train)
    ]
    relevant = target.positives()
    safe_items = np.maximum(evaluation.ranking.items, 0)  # -1, no item, is no hit either
    for by, name, in_group in _item_groups(train, views):
        if evaluation.targets is not None:
            counts = in_group[evaluation.targets].astype(np.int64)
        else:
            counts = relevant_counts(relevant, in_group)[evaluation.users]
        hits = evaluation.hits & in_group[safe_items]
        values = {key: hit_values(metric, hits, counts) for key, metric in parsed.items()}
        means = {key: float(v[counts > 0].mean()) for key, v in values.items() if counts.any()}
        slices.append(Slice(by, name, int((counts > 0).sum()), means))
    return [entry for entry in slices if entry.users >= _FEWEST_USERS]


def _slice_of_users(
    by: str, name: str, evaluation: Evaluation, rows: Bools, metrics: Sequence[str]
) -> Slice:
    values = {metric: evaluation.values[metric][rows] for metric in metrics}
    means = {metric: float(np.nanmean(column)) for metric, column in values.items() if rows.any()}
    return Slice(by, name, int(rows.sum()), means)


def _history_groups(evaluation: Evaluation, train: Interactions) -> Iterator[tuple[str, Bools]]:
    """Yield name and (b,) rows of the users with short, middle and long histories."""
    lengths = np.bincount(train.users, minlength=train.shape[0])[evaluation.users]
    bounds = np.unique(np.quantile(lengths, np.linspace(0, 1, _PARTS + 1)[1:], method="lower"))
    low = 0
    for high in bounds.astype(int):
        rows = (lengths >= low) & (lengths <= high)
        low = int(high) + 1
        yield _range_of(lengths[rows]), rows


def _range_of(lengths: Ints) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    plural = "event" if high == 1 else "events"
    return f"{high} {plural}" if low == high else f"{low} to {high} events"


def _item_groups(train: Interactions, views: Views) -> Iterator[tuple[str, str, Bools]]:
    """Yield what is sliced by, name and (n,) mask of the groups of items."""
    counts = np.bincount(train.items, minlength=train.shape[1])
    for name, mask in zip(("head", "middle", "tail"), _thirds(counts), strict=True):
        yield "popularity", f"{name} ({int(mask.sum()):,} items)", mask
    yield "popularity", f"no train event ({int((counts == 0).sum()):,} items)", counts == 0
    for view, embeddings in views.items():
        present = embeddings.present
        if view != FUSED and not present.all():
            yield view, f"with {view} ({int(present.sum()):,} items)", present
            yield view, f"without {view} ({int((~present).sum()):,} items)", ~present


def _thirds(counts: Ints) -> list[Bools]:
    """Return masks (n,) of the items with events, most first, a third of all events each."""
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]  # events of items that come first
    part = np.minimum(_PARTS * before // max(1, int(counts.sum())), _PARTS - 1)
    parts = np.empty(len(counts), np.int64)
    parts[order] = part
    return [(parts == number) & (counts > 0) for number in range(_PARTS)]
