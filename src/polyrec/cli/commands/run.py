"""polyrec run."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import (
    err,
    out,
    print_baselines,
    print_costs,
    print_json,
    print_log,
    print_metrics,
)
from polyrec.compute.progress import progress_bars


@app.command()
def run(
    config: Path,
    overrides: Overrides = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where to save the bundle.")] = None,
    as_json: AsJson = False,
) -> None:
    """Encode, align, fuse, fit and evaluate: a bundle with report.json and report.html."""
    from polyrec.pipeline.run import run as run_pipeline

    folder = folder or Path("runs") / config.stem
    with print_log(), progress_bars(err) as progress:
        run_pipeline(load_config(config, overrides), out=folder, progress=progress)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    if as_json:
        results = {
            "bundle": str(folder),
            "metrics": report["metrics"],
            "settings": report["settings"],
            "baselines": report["baselines"],
        }
        print_json(results)
        return
    print_metrics(report["metrics"])
    use = report["config"]["recommend"]["use"]
    print_baselines(use, report["metrics"]["test"], report["baselines"])
    print_costs(report["cost"])
    page = folder / "report.html"
    out.print(f"bundle [bold]{escape(str(folder))}[/], report {escape(str(page))}")
