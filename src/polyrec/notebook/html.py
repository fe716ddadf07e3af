"""The HTML of data sets, bundles, lists and reports for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.part_state import part_settings
from polyrec.data.load import Dataset
from polyrec.data.validation import Validation
from polyrec.evaluate.protocols import Evaluation
from polyrec.evaluate.report import Report, bootstrap_intervals
from polyrec.lists import ItemLists
from polyrec.notebook.content import ItemContent
from polyrec.types import FUSED

_MAX_LISTS, _MAX_ITEMS = 5, 12  # shown of lists
_SHOWN_ITEMS = 6  # of a data set
_Rows = list[tuple[str, Any]]


def dataset_html(dataset: Dataset) -> str:
    """Return counts, findings, and the first items of a data set."""
    content = ItemContent.of(dataset)
    catalog = dataset.catalog
    ids = zip(catalog.ids[:_SHOWN_ITEMS], catalog.titles, strict=False)
    cards = [content.card(item, title) for item, title in ids]
    return _render("dataset", counts=_counts(dataset), findings=dataset.validation.findings,
                   cards=cards, more=len(catalog) - len(cards))  # fmt: skip


def validation_html(validation: Validation) -> str:
    """Return the findings about data."""
    counts = [(name, value) for name, value in validation.counts.items() if isinstance(value, int)]
    return _render("dataset", counts=counts, findings=validation.findings, cards=[], more=0)


def bundle_html(bundle: Bundle) -> str:
    """Return what a bundle was trained on, its views, and its model with the settings."""
    model = bundle.parts.recommender
    views = [
        (name, type(bundle.parts.encoders[name]).__name__ if name in bundle.parts.encoders else "",
         view.width, int(view.present.sum()))
        for name, view in bundle.views.items() if name != FUSED
    ]  # fmt: skip
    counts: _Rows = [("items", len(bundle.ids)), ("users", len(bundle.users))]
    counts += [(f"{name} events", len(part)) for name, part in bundle.behaviour.items()]
    return _render("bundle", counts=counts, views=views, model=type(model).__name__,
                   settings=part_settings(model))  # fmt: skip


def lists_html(lists: ItemLists) -> str:
    """Return the first lists with pictures and players of their items."""
    content = ItemContent.of(lists.origin)
    owners: Sequence[Any] = lists.users or [f"query {i}" for i in range(len(lists.ids))]
    shown = [
        (owner, [(content.card(item, title), score) for item, title, score in
                 zip(ids[:_MAX_ITEMS], titles, scores, strict=False)], len(ids))
        for owner, ids, titles, scores in
        zip(owners[:_MAX_LISTS], lists.ids, lists.titles, lists.scores, strict=False)
    ]  # fmt: skip
    return _render("lists", lists=shown, more=len(lists.ids) - len(shown), most=_MAX_ITEMS,
                   has_media=content.has_media)  # fmt: skip


def evaluation_html(evaluation: Evaluation) -> str:
    """Return the means of an evaluation with their intervals."""
    return _metrics({"": evaluation.means}, {"": bootstrap_intervals(evaluation)},
                    notes=[f"{len(evaluation.users):,} users"])  # fmt: skip


def report_html(report: Report) -> str:
    """Return the metrics of a run on valid and test, with the intervals on test."""
    return _metrics(report.metrics, report.intervals, notes=report.notes)


def _metrics(
    metrics: Mapping[str, Mapping[str, float]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    notes: Sequence[str],
) -> str:
    splits = [split for split, values in metrics.items() if values]
    names = dict.fromkeys(name for split in splits for name in metrics[split])
    return _render("metrics", splits=splits, names=list(names), metrics=metrics,
                   intervals=intervals, notes=notes)  # fmt: skip


def _counts(dataset: Dataset) -> _Rows:
    parts: _Rows = [(f"{name} events", len(part)) for name, part in dataset.behaviour.items()]
    contents = [
        (f"items with {name}", sum(raw is not None for raw in content))
        for name, content in dataset.catalog.contents.items()
    ]
    return [("items", len(dataset.catalog)), ("users", len(dataset.users)), *parts, *contents]


def _render(template: str, **values: Any) -> str:
    return _templates().get_template(f"{template}.html.j2").render(values)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("polyrec.notebook"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["metric"] = lambda value: (
        "–" if value is None or value != value else (f"{value:.4f}")
    )
    return environment
