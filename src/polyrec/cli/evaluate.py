"""The command line's `evaluate` and `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec.cli.commands import Folder, Json, app
from polyrec.cli.show import (
    out,
    progress_bars,
    show_comparison,
    show_cost,
    show_json,
    show_metrics,
    show_robustness,
)
from polyrec.errors import ConfigError, nearest

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.evaluate.protocols import Evaluation

_LOSSES = ("missing", "knockout")
Metrics = Annotated[str, typer.Option(help="Names with cut-offs, by comma.")]


@app.command()
def evaluate(
    bundle: Folder,
    metrics: Metrics = "",
    protocol: Annotated[
        str, typer.Option(help="compat, the bundle's own (default), missing or knockout.")
    ] = "",
    run: Annotated[
        Path | None,
        typer.Option(help="Write the lists on test: TREC run, or .parquet, .csv."),
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Write what is relevant on test: TREC qrels.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a bundle again: with other metrics, or with modalities missing or knocked out."""
    from polyrec.artifact.bundle import Bundle
    from polyrec.evaluate.protocols import PROTOCOLS
    from polyrec.evaluate.report import json_values

    known = (*PROTOCOLS, *_LOSSES)
    if protocol and protocol not in known:
        remedy = nearest(protocol, known)
        raise ConfigError("unknown protocol", received=protocol, remedy=remedy)
    if protocol in _LOSSES and (run or qrels):
        raise ConfigError("nothing to export", received=protocol, remedy="leave --protocol out")
    loaded, names = Bundle.load(bundle), tuple(filter(None, metrics.split(",")))
    if protocol in _LOSSES:
        _without(loaded, protocol, names, as_json=as_json)
        return
    found, cost = _measured(loaded, protocol, names, bundle)
    _export(loaded, found["test"], run, qrels)
    means = {part: json_values(evaluation.means) for part, evaluation in found.items()}
    if as_json:
        show_json({"metrics": means, "cost": cost})
        return
    show_metrics(means)
    show_cost(cost)


def _measured(
    bundle: Bundle, protocol: str, metrics: Sequence[str], folder: Path
) -> tuple[dict[str, Evaluation], dict[str, float]]:
    from polyrec.pipeline import run as pipeline
    from polyrec.pipeline.report_files import costs

    asked = metrics or bundle.config.evaluate.metrics
    with progress_bars() as progress:
        found = pipeline.evaluate(bundle, asked, protocol=protocol or None, progress=progress)
    return found, costs(bundle, found["test"], {}, folder)


def _without(bundle: Bundle, protocol: str, metrics: Sequence[str], *, as_json: bool) -> None:
    from polyrec.evaluate.report import json_values
    from polyrec.pipeline import run as pipeline

    asked = metrics or (bundle.config.evaluate.select_by,)
    with progress_bars() as progress:
        rows = pipeline.robustness(bundle, protocol, asked, progress=progress)
    show_robustness([json_values(row) for row in rows], as_json=as_json)


def _export(bundle: Bundle, found: Evaluation, run: Path | None, qrels: Path | None) -> None:
    from polyrec.evaluate.export import write_qrels, write_rankings

    for path in filter(None, (run, qrels)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if run is not None:
        tag = bundle.config.recommend.use
        write_rankings(found, run, users=bundle.users, items=bundle.ids, tag=tag)
    if qrels is not None:
        test = bundle.behaviour["test"]
        write_qrels(found, test, qrels, users=bundle.users, items=bundle.ids)


@app.command()
def compare(
    bundles: Annotated[list[Path], typer.Argument(help="Two bundles or more.")],
    metrics: Metrics = "",
    folder: Annotated[
        Path, typer.Option("--out", help="Where compare.html and compare.json go.")
    ] = Path("runs/compare"),
    as_json: Json = False,
) -> None:
    """Compare finished runs on the same data user by user: differences, intervals, tests."""
    from polyrec.evaluate import compare as comparing
    from polyrec.evaluate.compare_page import comparison_dict, write_comparison

    names = [path.resolve().name for path in bundles]
    if len(set(names)) < len(names):
        names = [str(path) for path in bundles]
    runs = [comparing.read_run(p, name=n) for p, n in zip(bundles, names, strict=True)]
    found = comparing.compare(runs, tuple(filter(None, metrics.split(","))))
    write_comparison(found, folder)
    if as_json:
        show_json(comparison_dict(found))
        return
    show_comparison(found)
    out.print(f"page {escape(str(folder / 'compare.html'))}")
