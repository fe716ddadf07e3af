"""What a run did and reached: report.json for programs, report.html for people."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader

from polyrec.evaluate import charts
from polyrec.evaluate.grid_search import Trial
from polyrec.evaluate.metrics import HIT_METRICS, ITEM_GROUPS, Metric, Values
from polyrec.evaluate.placeholder_image import initials_svg
from polyrec.evaluate.protocols import Evaluation, bootstrap_interval

_HEADLINES = ("recall@20", "ndcg@20", "hit_rate@20", "coverage@20")


@dataclass(frozen=True)
class EncodedView:
    """What became of one kind of content."""

    name: str
    encoder: str
    width: int
    present: int
    missing: int
    problems: Mapping[str, Mapping[str, str]]  # item id -> status and reason
    card: Mapping[str, Any] = field(default_factory=dict)  # where the encoder comes from


@dataclass(frozen=True)
class Report:
    """Everything that report.json holds."""

    data: Mapping[str, Any]  # counts, findings, hash
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]  # per stage
    peak_memory_mb: float
    metrics: Mapping[str, Mapping[str, float]]  # valid, test
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)  # the recommender's settings
    trials: Sequence[Trial] = ()
    views: Sequence[EncodedView] = ()
    notes: Sequence[str] = ()
    aligned: bool = False  # whether alignment.html lies beside it
    cost: Mapping[str, float] = field(default_factory=dict)  # see `summary.costs`
    asked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # users; without_train

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; a figure that is not a number is None."""
        plain = asdict(self)
        return {key: json_values(value) for key, value in plain.items()}

    def write_json(self, path: Path) -> None:
        """Write report.json."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class SampleItem:
    """One item as a person sees it."""

    item: str
    title: str
    picture: bytes | None = None  # JPEG
    hit: bool = False  # a recommendation that was in test

    @property
    def source(self) -> str:
        """Return the picture as a data URI; without one, initials on a colour of the item's own."""
        if self.picture is not None:
            return f"data:image/jpeg;base64,{base64.b64encode(self.picture).decode()}"
        letters = "".join(word[0] for word in self.title.split()[:2]).upper() or "?"
        drawn = initials_svg(self.item, letters)
        return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


@dataclass(frozen=True)
class SampleUser:
    """One user: what was done, what is recommended."""

    user: str
    history: Sequence[SampleItem]
    recommended: Sequence[SampleItem]
    figures: Mapping[str, float]


def bootstrap_intervals(evaluation: Evaluation) -> dict[str, tuple[float, float]]:
    """Return the 95% bootstrap interval of every metric that users have one by one."""
    told = {name: values for name, values in evaluation.values.items() if not _empty(values)}
    return {name: bootstrap_interval(values) for name, values in told.items()}


def _told(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "–"


def _empty(values: Values) -> bool:
    return bool(np.isnan(values).all())


def write_report_page(
    report: Report, evaluation: Evaluation, items: int, samples: Sequence[SampleUser], path: Path
) -> None:
    """Write report.html: one file, no scripts, nothing from elsewhere."""
    environment = Environment(
        loader=PackageLoader("polyrec.evaluate"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    test = report.metrics["test"]
    headlines = [name for name in _HEADLINES if name in test] or list(test)[:4]
    columns = [f":{name}" for name in ITEM_GROUPS if any(m.endswith(f":{name}") for m in test)]
    names = [name for name in test if not name.endswith((":warm", ":cold"))]
    page = environment.get_template("report.html.j2").render(
        report=report,
        headlines=headlines,
        told=_told,
        names=names or list(test),
        columns=["", *columns] if names else [""],
        charts=_charts(report, evaluation, items),
        samples=samples,
        config=json.dumps(report.config, indent=1, ensure_ascii=False),
    )
    path.write_text(page, encoding="utf-8")


def _charts(report: Report, evaluation: Evaluation, items: int) -> list[tuple[str, str]]:
    test = report.metrics["test"]
    accuracy = [
        (name, test[name])
        for name, values in evaluation.values.items()
        if Metric.parse(name).name in HIT_METRICS and not _empty(values)
    ]
    lists = evaluation.ranking.items
    shown = np.bincount(lists[lists >= 0], minlength=items)
    drawn = [("Accuracy on test", charts.bar_chart(accuracy, title="Accuracy on test"))]
    ndcg = next((name for name in evaluation.values if name.startswith("ndcg")), None)
    if ndcg:
        title = f"How {ndcg} is spread over users"
        drawn.append((title, charts.histogram(evaluation.values[ndcg], title=title, label=ndcg)))
    title = "Who gets shown: even would be the straight line"
    label = "share of the catalogue, least shown first"
    drawn.append((title, charts.lorenz_curve(shown, title=title, label=label)))
    if len(report.trials) > 1:
        best = report.trials[:10]
        same = {k for k, v in best[0].settings.items() if all(t.settings.get(k) == v for t in best)}
        rows = [(_settings(trial.settings, leave_out=same), trial.score) for trial in best]
        title = "Settings tried on valid, the ten best"
        drawn.append((title, charts.bar_chart(rows, title=title)))
    spent = [(name, seconds) for name, seconds in report.seconds.items() if seconds >= 0.01]
    drawn.append(
        ("Seconds per stage", charts.bar_chart(spent, title="Seconds per stage", unit=" s"))
    )
    return drawn


def _settings(settings: Mapping[str, Any], *, leave_out: Set[str]) -> str:
    pieces = []
    for name in sorted(settings.keys() - leave_out):
        value = settings[name]
        if isinstance(value, Mapping):
            value = " ".join(f"{k} {v:.2g}" for k, v in value.items() if v)
        pieces.append(f"{name} {value}")
    return ", ".join(pieces) or "as they are"


def json_values(value: Any) -> Any:
    """Return plain values for JSON: None where a figure is not a number."""
    if isinstance(value, Mapping):
        return {str(key): json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
