"""polyrec cache."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, app
from polyrec.cli.console import format_day, out, print_json, print_table
from polyrec.errors import ConfigError

_IDENTITY_WIDTH = 90  # characters of an encoder's identity that are printed


@app.command()
def cache(
    config: Annotated[Path | None, typer.Argument(help="A config that names the cache.")] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the rows that the options select.")
    ] = False,
    encoder: Annotated[
        str, typer.Option(help="Only of encoders whose identity contains this.")
    ] = "",
    older_than: Annotated[float, typer.Option(min=0, help="Only rows older than these days.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show what the feature cache holds, or prune it."""
    from polyrec.artifact.feature_cache import FeatureCache
    from polyrec.config import Config, read_config

    default = Path(Config.model_fields["cache"].default).expanduser()
    path = default if config is None else read_config(config).cache
    if prune and not encoder and not older_than:
        remedy = "give --encoder NAME, --older-than DAYS, or both"
        raise ConfigError("--prune without a selection", remedy=remedy)
    with FeatureCache(path) as features:
        deleted = features.prune(encoder=encoder, older_than_days=older_than) if prune else 0
        encoders = features.encoders()
    if as_json:
        held = [entry._asdict() for entry in encoders]
        print_json({"cache": str(path), "pruned": deleted, "held": held})
        return
    heads = ("encoder", "vectors", "unreadable", "MB", "last written")
    rows = [
        (e.identity[:_IDENTITY_WIDTH], e.vectors, e.problems, round(e.bytes / 1e6, 1),
         format_day(e.last))
        for e in encoders
    ]  # fmt: skip
    print_table(heads, rows)
    out.print(f"{escape(str(path))}" + (f": {deleted:,} rows deleted" if prune else ""))
