"""polyrec evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyrec.cli.app import AsJson, BundleFolder, Metrics, app, load_bundle, split_commas
from polyrec.cli.console import (
    format_metric,
    print_baselines,
    print_costs,
    print_json,
    print_metrics,
    print_table,
)
from polyrec.compute.progress import progress_bars
from polyrec.errors import ConfigError, nearest

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.evaluate.protocols import Evaluation

_ROBUSTNESS = ("missing", "knockout")


@app.command()
def evaluate(
    bundle: BundleFolder,
    metrics: Metrics = "",
    protocol: Annotated[
        str, typer.Option(help="compat, the bundle's own (default), missing or knockout.")
    ] = "",
    run: Annotated[
        Path | None,
        typer.Option(help="Write the ranked lists on test: TREC run, or .parquet, .csv."),
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Write the relevant items on test: TREC qrels.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a bundle again: with other metrics, or with modalities missing or knocked out."""
    from polyrec.evaluate.report import json_values
    from polyrec.pipeline.baselines import choose_baselines, evaluate_baselines
    from polyrec.pipeline.evaluation import evaluate_bundle
    from polyrec.pipeline.report_files import measure_costs

    _check_protocol(protocol, exports=bool(run or qrels))
    loaded, names = load_bundle(bundle), split_commas(metrics)
    if protocol in _ROBUSTNESS:
        _print_robustness(loaded, protocol, names, as_json=as_json)
        return
    names = names or list(loaded.config.evaluate.metrics)
    with progress_bars() as progress:
        evaluations = evaluate_bundle(loaded, names, protocol=protocol or None, progress=progress)
        chosen = choose_baselines(loaded.config, loaded.behaviour, progress=progress)
        compared = evaluate_baselines(loaded, chosen, evaluations["test"], progress=progress)
    baselines = [json_values(asdict(baseline)) for baseline in compared]
    costs = measure_costs(loaded, evaluations["test"], {}, bundle)
    _export(loaded, evaluations["test"], run, qrels)
    means = {split: json_values(evaluation.means) for split, evaluation in evaluations.items()}
    if as_json:
        print_json({"metrics": means, "baselines": baselines, "cost": costs})
        return
    print_metrics(means)
    print_baselines(loaded.config.recommend.use, means["test"], baselines)
    print_costs(costs)


def _check_protocol(protocol: str, *, exports: bool) -> None:
    from polyrec.evaluate.protocols import PROTOCOLS

    known = (*PROTOCOLS, *_ROBUSTNESS)
    if protocol and protocol not in known:
        remedy = nearest(protocol, known)
        raise ConfigError("unknown protocol", received=protocol, remedy=remedy)
    if protocol in _ROBUSTNESS and exports:
        remedy = "leave out --protocol, or --run and --qrels"
        raise ConfigError("this protocol exports no lists", received=protocol, remedy=remedy)


def _print_robustness(
    bundle: Bundle, protocol: str, metrics: Sequence[str], *, as_json: bool
) -> None:
    """Print the metrics with modalities missing or knocked out, and the change."""
    from polyrec.evaluate.report import json_values
    from polyrec.pipeline.evaluation import evaluate_robustness

    names = metrics or [bundle.config.evaluate.select_by]
    with progress_bars() as progress:
        rows = [
            json_values(row)
            for row in evaluate_robustness(bundle, protocol, names, progress=progress)
        ]
    if as_json:
        print_json(rows)
        return
    heads = ("modality", "", "metric", "test", "change")
    print_table(heads, [_robustness_cells(row) for row in rows])


def _robustness_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    change = row["how"] if "how" in row else f"{row['rate']:.0%} lost"
    values = (format_metric(row["value"]), format_metric(row["change"]))
    return (row["modality"] or "all there", str(change), row["metric"], *values)


def _export(bundle: Bundle, evaluation: Evaluation, run: Path | None, qrels: Path | None) -> None:
    """Write the ranked lists and the relevant items where they are wanted."""
    from polyrec.evaluate.export import write_qrels, write_rankings

    if evaluation.targets is not None and (run or qrels):
        remedy = "leave out --run and --qrels, or add --protocol compat"
        raise ConfigError("lists are exported per user", received="next_item", remedy=remedy)
    for path in filter(None, (run, qrels)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if run is not None:
        tag = bundle.config.recommend.use
        write_rankings(evaluation, run, users=bundle.users, items=bundle.ids, tag=tag)
    if qrels is not None:
        test = bundle.behaviour["test"]
        write_qrels(evaluation, test, qrels, users=bundle.users, items=bundle.ids)
