"""polyrec align-report."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import format_metric, out, print_json, print_table
from polyrec.compute.progress import progress_bars

_MEASURES = ("recall@1", "recall@10", "alignment", "gap", "cka")


@app.command("align-report")
def align_report(
    config: Path,
    overrides: Overrides = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where to write the report.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well modalities agree, before and after alignment; with a map of the space."""
    from polyrec.pipeline.checks import report_alignment

    folder = folder or Path("runs") / f"{config.stem}.alignment"
    with progress_bars() as progress:
        measures = report_alignment(load_config(config, overrides), folder, progress=progress)
    if as_json:
        print_json(measures)
        return
    _print_alignment(measures)
    out.print(f"page {escape(str(folder / 'alignment.html'))}")


def _print_alignment(measures: dict[str, Any]) -> None:
    rows = [
        (
            f"{row['first']} and {row['second']}",
            when,
            *(format_metric(row.get(m)) for m in _MEASURES),
        )
        for pair in zip(measures["before"], measures["after"], strict=True)
        for when, row in zip(("before", "after"), pair, strict=True)
    ]
    print_table(("views", "", *_MEASURES), rows)
