"""A comparison for programs (compare.json) and for people (compare.html)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader

from polyrec.evaluate import charts
from polyrec.evaluate.compare import LEVEL, Comparison
from polyrec.evaluate.report import json_values

COST_COLUMNS = {
    "fit_s": ("fit s", ",.2f"),
    "peak_memory_mb": ("peak MB", ",.0f"),
    "single_median_ms": ("ms a request", ",.2f"),
    "single_p95_ms": ("95% ms", ",.2f"),
    "batch_per_s": ("users/s in batches", ",.0f"),
}
"""What each figure of cost is called in a table, and how it is written."""


class Cell(NamedTuple):
    """A figure as it is shown."""

    text: str
    best: bool = False
    beaten: bool = False  # differs significantly from the best


def comparison_rows(comparison: Comparison) -> list[tuple[str, str, list[Cell], list[str]]]:
    """Return a row per run: its name, its recommender, its figures, what they cost."""
    best = {metric: comparison.best(metric) for metric in comparison.metrics}
    beaten = {metric: comparison.beaten(metric) for metric in comparison.metrics}
    rows = []
    for run in comparison.runs:
        figures = []
        for metric in comparison.metrics:
            value = run.means.get(metric)
            text = "–" if value is None else f"{value:.4f}"
            figures.append(Cell(text, run.name == best[metric], run.name in beaten[metric]))
        cost = [
            "–" if (value := run.cost[name]) is None else format(value, form)
            for name, (_, form) in COST_COLUMNS.items()
        ]
        rows.append((run.name, run.report["config"]["recommend"]["use"], figures, cost))
    return rows


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """Return everything that compare.json holds."""
    first = comparison.runs[0].report
    runs = {
        run.name: {
            "recommender": run.report["config"]["recommend"]["use"],
            "settings": run.report["chosen"],
            "seed": run.report["config"]["seed"],
            "versions": run.report["versions"],
            "metrics": {metric: run.means.get(metric) for metric in comparison.metrics},
            "cost": run.cost,
        }
        for run in comparison.runs
    }
    told: dict[str, Any] = json_values(
        {
            "data": {"name": first["data"]["name"], "hash": first["data"]["hash"]},
            "protocol": first["config"]["evaluate"]["protocol"],
            "level": LEVEL,
            "runs": runs,
            "best": {metric: comparison.best(metric) for metric in comparison.metrics},
            "differences": [
                {**asdict(difference), "significant": difference.significant}
                for difference in comparison.differences
            ],
        }
    )
    return told


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write compare.json and compare.html: one file, no scripts, nothing from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    told = comparison_dict(comparison)
    plain = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "compare.json").write_text(plain, encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("polyrec.evaluate"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("compare.html.j2").render(
        told=told,
        metrics=comparison.metrics,
        rows=comparison_rows(comparison),
        costs=[name for name, _ in COST_COLUMNS.values()],
        differences=comparison.differences,
        charts=_charts(comparison),
    )
    (folder / "compare.html").write_text(page, encoding="utf-8")


def _charts(comparison: Comparison) -> Mapping[str, str]:
    drawn = {}
    for metric in comparison.metrics:
        rows = [
            (f"{d.first} − {d.second}", d.difference, d.low, d.high, d.significant)
            for d in comparison.differences
            if d.metric == metric
        ]
        if rows:
            drawn[metric] = charts.interval_chart(
                rows, title=f"Differences in {metric}, with intervals"
            )
    return drawn
