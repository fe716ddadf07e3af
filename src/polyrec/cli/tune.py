"""The command line's `tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from polyrec.cli.commands import Json, Set, app
from polyrec.cli.show import out, progress_bars, show_json, table


@app.command()
def tune(
    config: Path,
    trials: Annotated[int | None, typer.Option(min=1, help="How many in all.")] = None,
    hours: Annotated[float | None, typer.Option(help="Begin no trial after that.")] = None,
    settings: Set = None,
    place: Annotated[
        Path | None, typer.Option("--out", help="Where the best config goes (.yaml).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for the settings that rank valid best; the same command goes on where it stopped."""
    from polyrec.config import read_config
    from polyrec.registry import load_object

    search: Any = load_object("polyrec.tune.study:tune")
    target = place or Path("runs") / f"{config.stem}.tuned.yaml"
    loaded = read_config(config, overrides=settings or ())
    with progress_bars() as progress:
        found = search(loaded, out=target, trials=trials, hours=hours, progress=progress)
    by = loaded.evaluate.select_by
    if as_json:
        told = {"metric": by, "score": found.score, "seeds": list(found.seeds)}
        told |= {"settings": dict(found.settings), "trials": len(found.trials)}
        show_json({"config": str(target), **told})
        return
    table(("setting", "value"), list(found.settings.items()))
    over = f" (mean of {len(found.seeds)} seeds)" if len(found.seeds) > 1 else ""
    out.print(f"best {by} on valid {found.score:.4f}{over}, of {len(found.trials)} trials")
    out.print(f"config {escape(str(target))}: polyrec run {escape(str(target))}")
