"""polyrec refit, and polyrec clean, which removes what was erased from the files it left."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, app
from polyrec.cli.commands.service.serve import (
    DEFAULT_DATABASE,
    MediaFolder,
    ServedDatabase,
    require_serve_extra,
)
from polyrec.cli.console import err, out, print_baselines, print_json, print_metrics
from polyrec.compute.progress import progress_bars


@app.command()
def refit(  # noqa: PLR0913 - one option per setting
    bundles: Annotated[
        Path, typer.Option("--bundles", help="The folder of bundles that is served.")
    ],
    database: ServedDatabase = DEFAULT_DATABASE,
    media: MediaFolder = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the data of the first bundle are now.")
    ] = None,
    keep: Annotated[int, typer.Option(min=1, help="Bundles to keep, the new one included.")] = 5,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Train nothing: return to the previous bundle.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a new bundle from a service's database; the service switches to it by itself."""
    with require_serve_extra():
        from polyrec.database.blobs import BlobStore
        from polyrec.database.database import Database
        from polyrec.serve.background.refit import refit as refit_bundle
        from polyrec.serve.settings import Settings
    from polyrec.artifact.bundle_registry import BundleRegistry

    registry = BundleRegistry(bundles)
    if rollback:
        name = registry.roll_back()
        print_json({"current": name}) if as_json else out.print(f"current: {escape(name)}")
        return
    files = BlobStore(Settings(bundles, database, media=media).media_folder)
    opened = Database.open(database)
    try:
        with progress_bars() as progress:
            result = refit_bundle(opened, registry, files, data=data, keep=keep, progress=progress)
    finally:
        opened.close()
    if as_json:
        print_json(asdict(result))
        return
    print_metrics(result.metrics)
    print_baselines(result.name, result.metrics["test"], result.baselines)
    out.print(
        f"current: [bold]{escape(str(bundles / result.name))}[/], {result.items:,} items, "
        f"{result.events:,} events; after the evaluation it was fitted on all of them"
    )


@app.command()
def clean(
    bundles: Annotated[
        Path, typer.Option("--bundles", help="The bundle, or folder of bundles, that is served.")
    ],
    database: ServedDatabase = DEFAULT_DATABASE,
    media: MediaFolder = None,
    as_json: AsJson = False,
) -> None:
    """Remove every byte of erased users, and unused uploads, from the files of a service."""
    with require_serve_extra():
        from polyrec.database.blobs import BlobStore
        from polyrec.database.database import Database
        from polyrec.serve.background.clean_up import clean_up
        from polyrec.serve.settings import Settings
    from polyrec.artifact.bundle_registry import BundleRegistry

    files = BlobStore(Settings(bundles, database, media=media).media_folder)
    opened = Database.open(database)
    try:
        result = clean_up(opened, files, BundleRegistry(bundles))
    finally:
        opened.close()
    if as_json:
        print_json(asdict(result))
    else:
        names = ", ".join(result.bundles) or "none"
        out.print(f"deleted: bundles {names}, {result.files:,} uploads; the database was rewritten")
    if result.left:
        err.print(
            f"{result.left:,} erased users are in the current bundle: "
            "run polyrec refit, then this again"
        )
        raise typer.Exit(1)
