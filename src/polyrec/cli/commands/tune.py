"""polyrec tune."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import out, print_json, print_table
from polyrec.compute.progress import progress_bars


@app.command()
def tune(
    config: Path,
    trials: Annotated[int | None, typer.Option(min=1, help="Number of trials in all.")] = None,
    hours: Annotated[float | None, typer.Option(help="Start no trial after these hours.")] = None,
    overrides: Overrides = None,
    best: Annotated[
        Path | None, typer.Option("--out", help="Where to write the best config (.yaml).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search the settings that rank best on valid; the same command resumes a stopped search."""
    from polyrec.registry import load_object

    search: Any = load_object("polyrec.tune.study:tune")
    path = best or Path("runs") / f"{config.stem}.tuned.yaml"
    base = load_config(config, overrides)
    with progress_bars() as progress:
        tuned = search(base, out=path, trials=trials, hours=hours, progress=progress)
    metric = base.evaluate.select_by
    if as_json:
        results = {"config": str(path), "metric": metric, "score": tuned.score}
        results |= {"seeds": list(tuned.seeds), "settings": dict(tuned.settings)}
        print_json({**results, "trials": len(tuned.trials)})
        return
    print_table(("setting", "value"), list(tuned.settings.items()))
    over = f" (mean of {len(tuned.seeds)} seeds)" if len(tuned.seeds) > 1 else ""
    out.print(f"best {metric} on valid {tuned.score:.4f}{over}, of {len(tuned.trials)} trials")
    for trial in tuned.trials:
        if "chosen_by" in trial:
            out.print(f"a run without tuning: {trial['score']:.4f}")
    out.print(f"config {escape(str(path))}: polyrec run {escape(str(path))}")
