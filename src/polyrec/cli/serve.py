"""The commands of the live service: polyrec serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyrec.cli.commands import Folder, app
from polyrec.cli.show import errors, progress_bars
from polyrec.errors import ConfigError, ExtraError, nearest

if TYPE_CHECKING:
    from polyrec.serve.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_LEVELS = ("debug", "info", "warning", "error")


@app.command()
def serve(  # noqa: PLR0913 - one option per thing to say
    bundle: Folder,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8087,
    database: Annotated[
        str, typer.Option(help="sqlite:///file or postgresql://user:password@host/name.")
    ] = "sqlite:///polyrec.sqlite",
    workers: Annotated[int, typer.Option(min=1, help="Processes over one database.")] = 1,
    keys: Annotated[
        bool | None,
        typer.Option("--keys/--no-keys", help="Ask for keys; by default unless on loopback."),
    ] = None,
    per_second: Annotated[float, typer.Option(min=0, help="Of one key; 0: no limit.")] = 0.0,
    origin: Annotated[
        list[str] | None, typer.Option(help="A site whose pages may ask (CORS).")
    ] = None,
    media: Annotated[
        Path | None, typer.Option(help="Of uploaded files; by default beside the database.")
    ] = None,
    refit_every: Annotated[
        float, typer.Option(min=0, help="Train a new bundle every so many hours; 0: never.")
    ] = 0.0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Answer over HTTP: Gorse's routes and ours; the page /docs tells all of them."""
    with needs_serving():
        from polyrec.dashboard import mount
        from polyrec.serve import run
        from polyrec.serve.settings import Settings

    settings = Settings(
        Path(bundle),
        database,
        host=host,
        port=port,
        workers=workers,
        require_keys=keys,
        requests_per_second=per_second,
        cors_origins=tuple(origin or ()),
        media=media,
        refit_hours=refit_every,
    )
    if not settings.requires_key:
        # pages of other sites must not reach it under a name of theirs (DNS rebinding)
        settings = replace(settings, allowed_hosts=() if keys is False else LOOPBACK)
    if log_level not in _LEVELS:
        remedy = nearest(log_level, _LEVELS)
        raise ConfigError("unknown log level", received=log_level, remedy=remedy)
    _take_over(settings)
    run.run_service(settings, dress=mount, level=log_level)


@contextmanager
def needs_serving() -> Iterator[None]:
    """Say what to install where an import inside fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraError(
            "serving needs a package that is not installed",
            received=error.name,
            remedy="pip install 'polyrec[serve]'",
        ) from error


def _take_over(settings: Settings) -> None:
    """Fill an empty database before any worker starts, and find out what is wrong with it."""
    from polyrec.artifact.bundle import Bundle, read_fingerprint
    from polyrec.artifact.bundle_registry import BundleRegistry
    from polyrec.database.database import Database
    from polyrec.serve.background.bundle_import import import_bundle, is_imported

    folder = BundleRegistry(settings.bundle).current()
    database = Database.open(settings.database)
    try:
        if is_imported(database, read_fingerprint(folder)):
            return
        bundle = Bundle.load(folder)
        with progress_bars() as progress:
            import_bundle(database, bundle, progress=progress)
    finally:
        database.close()
    errors.print(f"taken over from the bundle: {len(bundle.ids):,} items")
