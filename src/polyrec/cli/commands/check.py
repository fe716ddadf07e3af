"""polyrec check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import err, out, print_finding, print_json, print_table
from polyrec.compute.progress import progress_bars

if TYPE_CHECKING:
    from polyrec.config import Config
    from polyrec.data.validation import Validation

_COUNTS = ("users", "items", "events", "density", "splits", "kinds", "time_range", "content")


@app.command()
def check(
    source: Annotated[Path, typer.Argument(help="A config, or a folder with interactions.*.")],
    overrides: Overrides = None,
    report: Annotated[
        Path | None, typer.Option("--out", help="Where to write the report, as JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate data: counts, broken and missing media, duplicates, leaks. Exit 1 on errors."""
    from polyrec.pipeline.checks import check_data

    config = _folder_config(source) if source.is_dir() else load_config(source, overrides)
    with progress_bars() as progress:
        validation = check_data(config, progress=progress)
    results = validation.to_dict()
    path = report or Path("runs") / f"{source.resolve().stem}.check.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    if as_json:
        print_json(results)
    else:
        _print_validation(validation)
        out.print(f"report {escape(str(path))}")
    raise typer.Exit(0 if validation.ok else 1)


def _folder_config(folder: Path) -> Config:
    """Return a config for a folder without one: interactions alone, the kinds of all presets."""
    from polyrec.config import PRESETS, parse_config

    kinds = {kind: weight for preset in PRESETS.values() for kind, weight in preset.items()}
    err.print("only interactions are checked: a config names the columns that hold content")
    tree = {"data": {"path": str(folder.resolve()), "kinds": kinds}}
    return parse_config(tree, folder=Path.cwd())


def _print_validation(validation: Validation) -> None:
    print_table(("", ""), [(name, validation.counts[name]) for name in _COUNTS])
    for file in validation.counts["files"]:
        out.print(escape(_describe(file)), highlight=False)
    for finding in validation.findings:
        print_finding(finding.level, str(finding), out)


def _describe(file: Mapping[str, object]) -> str:
    """Return one line on a file.

    >>> _describe({"file": "orders.csv", "rows": 16, "separator": ";", "encoding": "utf-8"})
    "orders.csv: rows 16, separator ';', encoding utf-8"
    """
    marks = ("separator", "quote")
    cells = ((key, repr(value) if key in marks else value) for key, value in file.items())
    return f"{file['file']}: " + ", ".join(f"{k} {v}" for k, v in cells if k != "file")
