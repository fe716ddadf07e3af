"""The command that trains a service's next bundle: polyrec refit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.commands import Json, app
from polyrec.cli.serve import needs_serving
from polyrec.cli.show import out, progress_bars, show_json, show_metrics


@app.command()
def refit(  # noqa: PLR0913 - one option per thing to say
    bundles: Annotated[
        Path, typer.Option("--bundles", help="The folder of bundles that is served.")
    ],
    database: Annotated[
        str, typer.Option(help="Of the service.", envvar="POLYREC_DATABASE")
    ] = "sqlite:///polyrec.sqlite",
    media: Annotated[
        Path | None, typer.Option(help="Of the service; by default beside the database.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the first bundle's own data lie now.")
    ] = None,
    keep: Annotated[int, typer.Option(min=1, help="Bundles that stay, the new one too.")] = 5,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Train nothing: go back to the bundle before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a new bundle from a service's database; the service changes to it by itself."""
    with needs_serving():
        from polyrec.database.blobs import BlobStore
        from polyrec.database.database import Database
        from polyrec.serve.background.refit import refit as train
        from polyrec.serve.settings import Settings
    from polyrec.artifact.bundle_registry import BundleRegistry

    shelf = BundleRegistry(Path(bundles))
    if rollback:
        name = shelf.roll_back()
        show_json({"current": name}) if as_json else out.print(f"current is {escape(name)} again")
        return
    settings = Settings(shelf.folder, database, media=media)
    opened = Database.open(database)
    try:
        with progress_bars() as progress:
            files = BlobStore(settings.media_folder)
            found = train(opened, shelf, files, data=data, keep=keep, progress=progress)
    finally:
        opened.close()
    if as_json:
        show_json(asdict(found))
        return
    show_metrics(found.metrics)
    out.print(
        f"current is [bold]{escape(str(shelf.folder / found.name))}[/]: {found.items:,} items, "
        f"{found.events:,} events, learned from all of them after it was measured"
    )
