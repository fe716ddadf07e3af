"""polyrec check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import err, out, print_json, print_table
from polyrec.compute.progress import progress_bars

if TYPE_CHECKING:
    from polyrec.config import Config

_COUNTS = ("users", "items", "events", "density", "splits", "kinds", "time_range", "content")
_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


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
        _print_validation(results)
        out.print(f"report {escape(str(path))}")
    raise typer.Exit(0 if validation.ok else 1)


def _folder_config(folder: Path) -> Config:
    """Return a config for a folder without one: interactions alone, the kinds of all presets."""
    from polyrec.config import PRESETS, parse_config

    kinds = {kind: weight for preset in PRESETS.values() for kind, weight in preset.items()}
    err.print("only interactions are checked: a config names the columns that hold content")
    tree = {"data": {"path": str(folder.resolve()), "kinds": kinds}}
    return parse_config(tree, folder=Path.cwd())


def _print_validation(results: dict[str, Any]) -> None:
    print_table(("", ""), [(name, results[name]) for name in _COUNTS])
    for finding in results["findings"]:
        level = finding["level"]
        examples = f" ({', '.join(finding['examples'])})" if finding["examples"] else ""
        line = f"{finding['count']:,} {finding['what']}{examples}; {finding['remedy']}"
        out.print(f"[{_COLOURS[level]}]{level}[/] {escape(line)}", highlight=False)
