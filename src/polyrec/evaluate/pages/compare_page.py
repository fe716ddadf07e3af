"""Write a comparison for programs (compare.json) and for people (compare.html)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from polyrec.evaluate.compare import LEVEL, Comparison
from polyrec.evaluate.pages import charts
from polyrec.evaluate.report import baseline_rows, headline_baselines, json_values

COST_COLUMNS = {
    "fit_s": ("fit s", ",.2f"),
    "choose_s": ("choosing s", ",.2f"),
    "peak_memory_mb": ("peak MB", ",.0f"),
    "single_median_ms": ("ms a request", ",.2f"),
    "single_p95_ms": ("95% ms", ",.2f"),
    "batch_per_s": ("users/s in batches", ",.0f"),
}
"""Cost -> its heading in a table, and its format."""


class Cell(NamedTuple):
    """A mean in a table."""

    text: str
    best: bool = False
    worse: bool = False  # differs significantly from the best


def comparison_rows(comparison: Comparison) -> list[tuple[str, str, list[Cell], list[str]]]:
    """Return a row per run: name, recommender, means, costs."""
    best = {metric: comparison.best(metric) for metric in comparison.metrics}
    worse = {metric: comparison.worse(metric) for metric in comparison.metrics}
    rows = []
    for run in comparison.runs:
        means = []
        for metric in comparison.metrics:
            value = run.means.get(metric)
            text = "–" if value is None else f"{value:.4f}"
            means.append(Cell(text, run.name == best[metric], run.name in worse[metric]))
        cost = [
            "–" if (value := run.cost[name]) is None else format(value, form)
            for name, (_, form) in COST_COLUMNS.items()
        ]
        rows.append((run.name, run.report["config"]["recommend"]["use"], means, cost))
    return rows


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """Return the content of compare.json."""
    first = comparison.runs[0].report
    runs = {
        run.name: {
            "recommender": run.report["config"]["recommend"]["use"],
            "settings": run.report["settings"],
            "seed": run.report["config"]["seed"],
            "versions": run.report["versions"],
            "metrics": {metric: run.means.get(metric) for metric in comparison.metrics},
            "cost": run.cost,
            "baselines": headline_baselines(run.report),
        }
        for run in comparison.runs
    }
    tree: dict[str, Any] = json_values(
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
    return tree


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write compare.json and compare.html, a page without scripts or outside resources."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = comparison_dict(comparison)
    text = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "compare.json").write_text(text, encoding="utf-8")
    values = {
        "comparison": tree,
        "metrics": comparison.metrics,
        "rows": comparison_rows(comparison),
        "cost_headings": [name for name, _ in COST_COLUMNS.values()],
        "differences": comparison.differences,
        "baselines": [
            (run.name, baseline_rows(run.report, comparison.metrics))
            for run in comparison.runs
            if run.report.get("baselines")
        ],
        "charts": _charts(comparison),
    }
    charts.write_page("compare.html.j2", values, folder / "compare.html")


def _charts(comparison: Comparison) -> Mapping[str, str]:
    svgs = {}
    for metric in comparison.metrics:
        rows = [
            (f"{d.first} − {d.second}", d.difference, d.low, d.high, d.significant)
            for d in comparison.differences
            if d.metric == metric
        ]
        if rows:
            svgs[metric] = charts.interval_chart(
                rows, title=f"Differences in {metric}, with intervals"
            )
    return svgs
