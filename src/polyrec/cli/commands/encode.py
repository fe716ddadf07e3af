"""polyrec encode."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import out, print_json, print_table
from polyrec.compute.progress import progress_bars

_SHOWN = 50  # entries of the quarantine list that are printed


@app.command()
def encode(
    config: Path,
    overrides: Overrides = None,
    pack: Annotated[
        Path | None, typer.Option(help="Also write the features to this file (.safetensors).")
    ] = None,
    quarantine: Annotated[
        Path | None, typer.Option("--out", help="Where to write the quarantine list.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Encode media into the feature cache; can be resumed. Lists what could not be read."""
    from polyrec.evaluate.quarantine import write_quarantine
    from polyrec.pipeline.encoding import fill_feature_cache

    settings = load_config(config, overrides)
    with progress_bars() as progress:
        summary = fill_feature_cache(settings, pack=pack, progress=progress)
    path = quarantine or Path("runs") / f"{config.stem}.quarantine.jsonl"
    write_quarantine(summary.quarantine, path)
    if as_json:
        unreadable = [entry._asdict() for entry in summary.quarantine]
        print_json({"views": summary.counts, "quarantine": unreadable})
        return
    rows = [(view, *counts.values()) for view, counts in summary.counts.items()]
    print_table(("view", "width", "present", "missing", "unreadable"), rows)
    for entry in summary.quarantine[:_SHOWN]:
        out.print(
            f"[yellow]{escape(entry.view)} of {escape(entry.item)}[/]: {escape(entry.reason)}"
        )
    if summary.quarantine:
        out.print(f"{len(summary.quarantine):,} could not be read: {escape(str(path))}")
    if pack is not None:
        out.print(f"pack {escape(str(pack))}")
