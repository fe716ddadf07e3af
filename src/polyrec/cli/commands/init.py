"""polyrec init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import app
from polyrec.cli.console import err, out, print_error, print_finding
from polyrec.errors import PolyrecError


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A folder with events, items and media.")],
    config: Annotated[
        Path | None, typer.Option("--out", help="Where to write the config. [FOLDER/polyrec.yaml]")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write without asking; replace a file.")
    ] = False,
) -> None:
    """Look at files, propose what each column is, and write a config that runs."""
    from polyrec.config import read_config
    from polyrec.data.load import load_dataset
    from polyrec.data.proposal.propose import propose_data
    from polyrec.data.proposal.render import render_config

    proposal = propose_data(folder)
    path = config or folder / "polyrec.yaml"
    text = render_config(proposal, folder, path.parent)
    out.print(escape(text), highlight=False, soft_wrap=True)
    if not yes:
        question = f"Replace {path}?" if path.exists() else f"Write {path}?"
        typer.confirm(question, default=not path.exists(), abort=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    try:
        parsed = read_config(path)
        data = load_dataset(parsed.data, weights=parsed.weights, seed=parsed.seed)
    except PolyrecError as error:
        err.print(f"{escape(str(path))} is written, but must be changed:")
        print_error(error)
        raise typer.Exit(1) from error
    for finding in data.validation.findings:
        print_finding(finding.level, str(finding), out)
    counts = data.validation.counts
    out.print(f"{counts['users']:,} users, {counts['items']:,} items, {counts['events']:,} events")
    for check in proposal.checks:
        out.print(f"[yellow]check[/] {escape(check)}", highlight=False, soft_wrap=True)
    out.print(f"next: polyrec run {escape(str(path))}", highlight=False, soft_wrap=True)
