"""The commands of the live service: polyrec serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyrec.cli.commands import Folder, app
from polyrec.cli.show import errors, progress_bars
from polyrec.errors import ExtraError

if TYPE_CHECKING:
    from polyrec.serve.settings import Settings


@app.command()
def serve(
    bundle: Folder,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8087,
    database: Annotated[
        str, typer.Option(help="sqlite:///file or postgresql://user:password@host/name.")
    ] = "sqlite:///polyrec.sqlite",
    workers: Annotated[int, typer.Option(min=1, help="Processes over one database.")] = 1,
) -> None:
    """Answer over HTTP: Gorse's routes and ours; the page /docs tells all of them."""
    try:
        from polyrec.serve import run
        from polyrec.serve.settings import Settings
    except ModuleNotFoundError as error:
        raise ExtraError(
            "serving needs a package that is not installed",
            received=error.name,
            remedy="pip install 'polyrec[serve]'",
        ) from error

    settings = Settings(Path(bundle), database, host=host, port=port, workers=workers)
    _take_over(settings)
    run.run(settings)


def _take_over(settings: Settings) -> None:
    """Fill an empty database before any worker starts, and find out what is wrong with it."""
    from polyrec.bundle import Bundle
    from polyrec.serve.seed import seed
    from polyrec.store.database import Database

    bundle = Bundle.load(settings.bundle)
    database = Database.open(settings.database)
    try:
        with progress_bars() as progress:
            fresh = seed(database, bundle, progress=progress)
    finally:
        database.close()
    if fresh:
        errors.print(f"taken over from the bundle: {len(bundle.ids):,} items")
