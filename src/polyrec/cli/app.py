"""The application, its --version, and the options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyrec import __version__
from polyrec.cli.console import out
from polyrec.errors import ConfigError

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.config import Config

app = typer.Typer(
    help="A recommender for items that are seen, heard and read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Overrides = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: a.b=c.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
BundleFolder = Annotated[Path, typer.Argument(help="A bundle: the --out of a run.")]
Count = Annotated[int, typer.Option("-k", min=1, help="Number of items.")]
UserId = Annotated[str | None, typer.Option(help="A user of the data.")]
History = Annotated[
    str | None, typer.Option(help="Item ids, separated by commas, of an unknown user.")
]
Metrics = Annotated[str, typer.Option(help="Metrics with cut-offs, separated by commas.")]


@app.callback(invoke_without_command=True)
def print_version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Read interactions and content, learn, recommend."""
    if version:
        out.print(__version__)
        raise typer.Exit


def load_config(path: Path, overrides: Sequence[str] | None) -> Config:
    """Return the config in a file with its overrides applied."""
    from polyrec.config import read_config

    return read_config(path, overrides=overrides or ())


def load_bundle(folder: Path) -> Bundle:
    """Return the bundle in a folder."""
    from polyrec.artifact.bundle import Bundle

    return Bundle.load(folder)


def split_commas(text: str | None) -> list[str]:
    """Return what stands between commas.

    >>> split_commas("a,b,")
    ['a', 'b']
    """
    return [part for part in (text or "").split(",") if part]


def require_user_or_history(user: str | None, history: str | None) -> None:
    """Raise `ConfigError` unless exactly one of the two options is given."""
    if (user is None) == (history is None):
        received = "neither" if user is None else "both"
        remedy = "give --user U or --history a,b,c"
        raise ConfigError("a user or a history is needed", received=received, remedy=remedy)
