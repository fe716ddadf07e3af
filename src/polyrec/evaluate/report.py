"""The report of a run: report.json for programs, report.html for people."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from polyrec.evaluate.grid_search import Trial
from polyrec.evaluate.metrics import HIT_METRICS, ITEM_GROUPS, Metric, Values
from polyrec.evaluate.pages import charts
from polyrec.evaluate.protocols import Evaluation, bootstrap_interval
from polyrec.evaluate.slices import Slice
from polyrec.registry import load_object

_HEADLINES = ("recall@20", "ndcg@20", "hit_rate@20", "coverage@20")


@dataclass(frozen=True)
class EncodedView:
    """Counts and problems of one encoded view."""

    name: str
    encoder: str
    width: int
    present: int
    missing: int
    problems: Mapping[str, Mapping[str, str]]  # item id -> status and reason
    card: Mapping[str, Any] = field(default_factory=dict)  # of the encoder


@dataclass(frozen=True)
class ComparedBaseline:
    """A plain model on the same split, and how far the run's model is ahead of it."""

    name: str
    settings: Mapping[str, Any]  # chosen on valid
    valid: float | None  # by `evaluate.select_by`
    means: Mapping[str, float]  # on test
    # metric per user -> mean of model - baseline on test, and the ends of its 95% interval
    differences: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Report:
    """The content of report.json."""

    data: Mapping[str, Any]  # counts, findings, hash
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]  # per stage
    peak_memory_mb: float
    metrics: Mapping[str, Mapping[str, float]]  # valid, test
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the recommender
    trials: Sequence[Trial] = ()
    views: Sequence[EncodedView] = ()
    notes: Sequence[str] = ()
    aligned: bool = False  # whether alignment.html lies beside it
    cost: Mapping[str, float] = field(default_factory=dict)  # see `report_files.measure_costs`
    # by split: users, and users with relevant items but without_train events
    evaluated: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    baselines: Sequence[ComparedBaseline] = ()
    slices: Sequence[Slice] = ()  # of test
    learning_curve: Sequence[float] = ()  # Recall@20 on valid, look by look

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; NaN is None."""
        tree: dict[str, Any] = json_values(asdict(self))
        return tree

    def _repr_html_(self) -> str:
        return str(load_object("polyrec.notebook.html:report_html")(self))

    def write_json(self, path: Path) -> None:
        """Write report.json."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class SampleItem:
    """One item of a list that the page shows."""

    item: str
    title: str
    picture: bytes | None = None  # JPEG
    hit: bool = False  # a recommendation that was in test

    @property
    def source(self) -> str:
        """Return the picture as a data URI; without one, a placeholder with initials."""
        if self.picture is not None:
            return f"data:image/jpeg;base64,{base64.b64encode(self.picture).decode()}"
        letters = "".join(word[0] for word in self.title.split()[:2]).upper() or "?"
        svg = charts.initials_svg(self.item, letters)
        return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


@dataclass(frozen=True)
class SampleUser:
    """One user: the history and the recommendations."""

    user: str
    history: Sequence[SampleItem]
    recommended: Sequence[SampleItem]
    metrics: Mapping[str, float]


def bootstrap_intervals(evaluation: Evaluation) -> dict[str, tuple[float, float]]:
    """Return the 95% bootstrap interval of every metric per user."""
    return {
        name: bootstrap_interval(values)
        for name, values in evaluation.values.items()
        if not _empty(values)
    }


def best_baseline(baselines: Sequence[ComparedBaseline]) -> str:
    """Return the name of the plain model that ranks valid best, "" where there is no valid."""
    scored = {baseline.name: baseline.valid for baseline in baselines if baseline.valid is not None}
    return max(scored, key=lambda name: scored[name]) if scored else ""


def headline_baselines(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return `popular` and the plain model that ranks valid best, of a report.json."""
    baselines: Sequence[Mapping[str, Any]] = report.get("baselines", ())
    scored = [baseline for baseline in baselines if baseline["valid"] is not None]
    best = max(scored, key=lambda baseline: baseline["valid"], default=None)
    return [b for b in baselines if b is best or b["name"] == "popular"]


def baseline_rows(
    report: Mapping[str, Any], metrics: Sequence[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return rows of a table on test: the model of a report.json, then its headline baselines.

    A cell is the mean of a metric, and how far the model is ahead, with the 95% interval.
    """
    test = report["metrics"]["test"]
    rows = [(report["config"]["recommend"]["use"], [(_mean(test.get(m)), "") for m in metrics])]
    for baseline in headline_baselines(report):
        means, differences = baseline["means"], baseline["differences"]
        cells = [(_mean(means.get(m)), _difference(differences.get(m))) for m in metrics]
        rows.append((baseline["name"], cells))
    return rows


def _mean(value: float | None) -> str:
    return "–" if value is None else _format(value)


def _difference(interval: Sequence[float | None] | None) -> str:
    if interval is None or None in interval:
        return ""
    mean, low, high = interval
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"


def _format(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "–"


def _empty(values: Values) -> bool:
    return bool(np.isnan(values).all())


def write_report_page(
    report: Report, evaluation: Evaluation, items: int, samples: Sequence[SampleUser], path: Path
) -> None:
    """Write report.html, a page without scripts or outside resources."""
    test = report.metrics["test"]
    headlines = [name for name in _HEADLINES if name in test] or list(test)[:4]
    suffixes = [f":{name}" for name in ITEM_GROUPS if any(m.endswith(f":{name}") for m in test)]
    names = [name for name in test if not name.endswith((":warm", ":cold"))]
    values = {
        "report": report,
        "headlines": headlines,
        "format_mean": _format,
        "names": names or list(test),
        "suffixes": ["", *suffixes] if names else [""],
        "best": best_baseline(report.baselines),
        "charts": _charts(report, evaluation, items),
        "samples": samples,
        "config": json.dumps(report.config, indent=1, ensure_ascii=False),
    }
    charts.write_page("report.html.j2", values, path)


def _charts(report: Report, evaluation: Evaluation, items: int) -> list[tuple[str, str]]:
    test = report.metrics["test"]
    accuracy = [
        (name, test[name])
        for name, values in evaluation.values.items()
        if Metric.parse(name).name in HIT_METRICS and not _empty(values)
    ]
    lists = evaluation.ranking.items
    counts = np.bincount(lists[lists >= 0], minlength=items)
    svgs = [("Accuracy on test", charts.bar_chart(accuracy, title="Accuracy on test"))]
    ndcg = next((name for name in evaluation.values if name.startswith("ndcg")), None)
    if ndcg:
        title = f"Distribution of {ndcg} over users"
        svgs.append((title, charts.histogram(evaluation.values[ndcg], title=title, label=ndcg)))
    title = "Exposure of items: the straight line is equal exposure"
    label = "share of the catalogue, least recommended first"
    svgs.append((title, charts.lorenz_curve(counts, title=title, label=label)))
    if len(report.learning_curve) > 1:
        title = "Learning curve: Recall@20 on valid"
        svgs.append((title, charts.line_chart(report.learning_curve, title=title, label="looks")))
    if len(report.trials) > 1:
        best = report.trials[:10]
        same = {k for k, v in best[0].settings.items() if all(t.settings.get(k) == v for t in best)}
        rows = [(_settings_label(trial.settings, leave_out=same), trial.score) for trial in best]
        title = "The ten best settings on valid"
        svgs.append((title, charts.bar_chart(rows, title=title)))
    stages = [(name, seconds) for name, seconds in report.seconds.items() if seconds >= 0.01]
    svgs.append(
        ("Seconds per stage", charts.bar_chart(stages, title="Seconds per stage", unit=" s"))
    )
    return svgs


def _settings_label(settings: Mapping[str, Any], *, leave_out: Set[str]) -> str:
    pieces = []
    for name in sorted(settings.keys() - leave_out):
        value = settings[name]
        if isinstance(value, Mapping):
            value = " ".join(f"{k} {v:.2g}" for k, v in value.items() if v)
        pieces.append(f"{name} {value}")
    return ", ".join(pieces) or "defaults"


def json_values(value: Any) -> Any:
    """Return plain values for JSON, None for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
