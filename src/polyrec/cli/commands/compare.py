"""polyrec compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Metrics, app, split_commas
from polyrec.cli.console import out, print_baselines, print_json, print_table

if TYPE_CHECKING:
    from polyrec.evaluate.compare import Comparison


@app.command()
def compare(
    bundles: Annotated[list[Path], typer.Argument(help="Two bundles or more.")],
    metrics: Metrics = "",
    folder: Annotated[
        Path, typer.Option("--out", help="Where to write compare.html and compare.json.")
    ] = Path("runs/compare"),
    as_json: AsJson = False,
) -> None:
    """Compare runs on the same data, user by user: differences, intervals, tests."""
    from polyrec.evaluate import compare as comparing
    from polyrec.evaluate.pages.compare_page import comparison_dict, write_comparison

    names = [path.resolve().name for path in bundles]
    if len(set(names)) < len(names):
        names = [str(path) for path in bundles]
    runs = [comparing.read_run(p, name=n) for p, n in zip(bundles, names, strict=True)]
    comparison = comparing.compare(runs, tuple(split_commas(metrics)))
    write_comparison(comparison, folder)
    if as_json:
        print_json(comparison_dict(comparison))
        return
    _print_comparison(comparison)
    out.print(f"page {escape(str(folder / 'compare.html'))}")


def _print_comparison(comparison: Comparison) -> None:
    """Print a row per run, and how significant each difference is."""
    from polyrec.evaluate.pages.compare_page import COST_COLUMNS, comparison_rows
    from polyrec.evaluate.report import headline_baselines

    rows = []
    for name, recommender, values, costs in comparison_rows(comparison):
        marked = [f"{v.text}{'*' if v.best else '†' if v.worse else ''}" for v in values]
        rows.append((name, recommender, *marked, *costs))
    heads = (
        "run",
        "recommender",
        *comparison.metrics,
        *(head for head, _ in COST_COLUMNS.values()),
    )
    print_table(heads, rows)
    for run in comparison.runs:
        plain = headline_baselines(run.report)
        print_baselines(run.name, run.means, plain, comparison.metrics)
    if comparison.differences:
        heads = ("metric", "", "", "difference", "95%", "p", "p, corrected")
        pairs = [
            (d.metric, d.first, d.second, f"{d.difference:+.4f}", f"{d.low:+.4f} to {d.high:+.4f}",
             f"{d.p:.2g}", f"{d.corrected:.2g}")
            for d in comparison.differences
        ]  # fmt: skip
        print_table(heads, pairs)
    out.print("* the best; † differs significantly from the best (Wilcoxon, Holm)")
