"""polyrec serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from polyrec.cli.app import BundleFolder, app
from polyrec.cli.console import err
from polyrec.compute.progress import progress_bars
from polyrec.errors import ConfigError, ExtraError, nearest

if TYPE_CHECKING:
    from fastapi import FastAPI

    from polyrec.serve.settings import ModelUse, Settings

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_LEVELS = ("debug", "info", "warning", "error")


Host = Annotated[str, typer.Option(help="The address to listen at.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        help="sqlite:///file or postgresql://user:password@host/name.", envvar="POLYREC_DATABASE"
    ),
]
ServedDatabase = Annotated[
    str, typer.Option("--database", help="The service's database.", envvar="POLYREC_DATABASE")
]
DEFAULT_DATABASE = "sqlite:///polyrec.sqlite"
Workers = Annotated[int, typer.Option(min=1, help="Processes over one database.")]
Keys = Annotated[
    bool | None,
    typer.Option("--keys/--no-keys", help="Require API keys; by default unless on loopback."),
]
Rate = Annotated[float, typer.Option(min=0, help="Requests per second of one key; 0: no limit.")]
Origins = Annotated[
    list[str] | None, typer.Option(help="A site whose pages may send requests (CORS).")
]
Proxies = Annotated[
    list[str] | None,
    typer.Option(help="The address or network of a proxy whose X-Forwarded-For is believed."),
]
MediaFolder = Annotated[
    Path | None, typer.Option(help="Uploaded files; by default beside the database.")
]
UploadsGb = Annotated[float, typer.Option(min=0, help="For all uploaded files; half for one key.")]
HideSeen = Annotated[bool, typer.Option(help="Leave out of lists what their user has feedback on.")]
HidingKinds = Annotated[
    list[str] | None, typer.Option(help="A feedback type that hides an item; none: all do.")
]
RefitHours = Annotated[float, typer.Option(min=0, help="Hours between two refits; 0: never.")]
Mcp = Annotated[bool, typer.Option("--mcp", help="Offer tools to assistants at POST /mcp (MCP).")]
LanguageModelFile = Annotated[
    Path | None, typer.Option(help="The settings of a language model; none: no language model.")
]
ModelUses = Annotated[
    list[str] | None,
    typer.Option(help="What it is used for: reasons, lists, chat. By default reasons."),
]
ModelTimeout = Annotated[float, typer.Option(min=0.01, help="Seconds that a request waits for it.")]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]


@app.command()
def serve(  # noqa: PLR0913 - one option per setting
    bundle: BundleFolder,
    host: Host = "127.0.0.1",
    port: Port = 8087,
    database: DatabaseUrl = DEFAULT_DATABASE,
    workers: Workers = 1,
    keys: Keys = None,
    per_second: Rate = 0.0,
    origin: Origins = None,
    proxy: Proxies = None,
    media: MediaFolder = None,
    uploads_gb: UploadsGb = 100.0,
    refit_every: RefitHours = 0.0,
    hide_seen: HideSeen = True,
    hiding_kind: HidingKinds = None,
    mcp: Mcp = False,
    language_model: LanguageModelFile = None,
    language_model_use: ModelUses = None,
    language_model_timeout: ModelTimeout = 1.0,
    log_level: LogLevel = "info",
) -> None:
    """Serve a bundle over HTTP: Gorse's routes and our own; /docs lists all of them."""
    if mcp:
        require_mcp_extra()
    with require_serve_extra():
        from polyrec.dashboard import mount
        from polyrec.serve import run
        from polyrec.serve.settings import Settings

    _check_level(log_level)
    settings = Settings(
        bundle,
        database,
        host=host, port=port, workers=workers,
        require_keys=keys,
        requests_per_second=per_second,
        cors_origins=tuple(origin or ()),
        proxies=tuple(map(_check_network, proxy or ())),
        media=media,
        max_uploads_gb=uploads_gb, max_uploads_gb_per_key=uploads_gb / 2,
        refit_hours=refit_every,
        hide_seen=hide_seen,
        hiding_kinds=tuple(hiding_kind or ()),
        language_model=language_model,
        language_model_uses=_check_model(language_model, language_model_use),
        language_model_timeout_s=language_model_timeout,
    )  # fmt: skip
    _import_bundle(settings)
    decorate = _mount_with_mcp if mcp else mount
    run.run_service(_with_hosts(settings), decorate=decorate, level=log_level)


def _mount_with_mcp(app: FastAPI) -> FastAPI:
    """Add the dashboard and the MCP endpoint; a function of the module, since workers import it."""
    from polyrec.dashboard import mount
    from polyrec.serve.api.mcp.server import add_mcp

    return add_mcp(mount(app))


def _with_hosts(settings: Settings) -> Settings:
    """Return settings with which pages of other sites can't use names of theirs (DNS rebinding)."""
    if settings.requires_key or settings.require_keys is False:
        return settings
    return replace(settings, allowed_hosts=LOOPBACK)


def _check_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        remedy = "write an address or a network: 127.0.0.1, 10.0.0.0/8"
        raise ConfigError("not the address of a proxy", received=text, remedy=remedy) from None
    return text


def _check_model(path: Path | None, uses: list[str] | None) -> tuple[ModelUse, ...]:
    """Return what a language model is used for; its settings are read, to show errors of them."""
    from polyrec.config import read_language_model
    from polyrec.serve.settings import ModelUse

    if path is not None:
        read_language_model(path)
    known, names = get_args(ModelUse), uses or ["reasons"]
    for name in names:
        if name not in known:
            raise ConfigError("unknown use of the language model", received=name,
                              remedy=nearest(name, known))  # fmt: skip
    return tuple(cast("ModelUse", name) for name in names)


def _check_level(level: str) -> None:
    if level not in _LEVELS:
        remedy = nearest(level, _LEVELS)
        raise ConfigError("unknown log level", received=level, remedy=remedy)


@contextmanager
def require_serve_extra() -> Iterator[None]:
    """Raise `ExtraError` where an import inside fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraError(
            "serving needs a package that is not installed",
            received=error.name,
            remedy="pip install 'polyrec[serve]'",
        ) from error


def require_mcp_extra() -> None:
    """Raise `ExtraError` unless the MCP SDK is installed."""
    if find_spec("mcp") is None:
        raise ExtraError("assistants need a package that is not installed", received="mcp",
                         remedy="pip install 'polyrec[mcp]'")  # fmt: skip


def _import_bundle(settings: Settings) -> None:
    """Fill an empty database before any worker starts, so that errors of it are shown here."""
    from polyrec.artifact.bundle import Bundle, read_fingerprint
    from polyrec.artifact.bundle_registry import BundleRegistry
    from polyrec.database.database import Database
    from polyrec.database.failures import refuse_unusable
    from polyrec.serve.background.bundle_import import import_bundle, is_imported

    folder = BundleRegistry(settings.bundle).current()
    database = Database.open(settings.database)
    try:
        with refuse_unusable(database.name):
            if is_imported(database, read_fingerprint(folder)):
                return
            bundle = Bundle.load(folder)
            with progress_bars() as progress:
                import_bundle(database, bundle, progress=progress)
    finally:
        database.close()
    err.print(f"imported from the bundle: {len(bundle.ids):,} items")
