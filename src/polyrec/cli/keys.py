"""The commands that make, list and revoke API keys: polyrec keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec.cli.commands import Json, app
from polyrec.cli.serve import needs_serving
from polyrec.cli.show import errors, out, show_json, table
from polyrec.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

keys = typer.Typer(help="Make, list and revoke the keys of a service.", no_args_is_help=True)
app.add_typer(keys, name="keys")
Url = Annotated[str, typer.Option("--database", help="The service's database.")]
_DEFAULT = "sqlite:///polyrec.sqlite"


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[list[str], typer.Option(help="read, write or admin; may be repeated.")],
    per_second: Annotated[
        float | None, typer.Option(help="The most requests per second and worker.")
    ] = None,
    database: Url = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Make a key and print it: it is shown this once, and kept as a digest."""
    from polyrec.database import keys as store

    with _writing(database) as connection:
        key, text = store.create_key(connection, name, scope, per_second=per_second)
    if as_json:
        show_json({"id": key.key_id, "name": key.name, "scopes": key.scopes, "key": text})
        return
    errors.print(f"key {key.key_id} for {escape(key.name)}: {', '.join(key.scopes)}")
    out.print(text, highlight=False, soft_wrap=True)


@keys.command("list")
def list_keys(database: Url = _DEFAULT, as_json: Json = False) -> None:
    """List all keys, revoked ones too; secrets are not known."""
    from polyrec.database import keys as store

    with _writing(database) as connection:
        found = store.all_keys(connection)
    if as_json:
        show_json([vars(key) for key in found])
        return
    rows = [
        (k.key_id, k.name, ", ".join(k.scopes), _day(k.created), _day(k.revoked)) for k in found
    ]
    table(("id", "name", "scopes", "made", "revoked"), rows)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As polyrec keys list shows it.")],
    database: Url = _DEFAULT,
) -> None:
    """Revoke a key: within a second no worker takes it any more."""
    from polyrec.database import keys as store

    with _writing(database) as connection:
        if not store.revoke_key(connection, key_id):
            remedy = "see polyrec keys list"
            raise DataError("no such key holds", received=key_id, remedy=remedy)
    out.print(f"revoked {escape(key_id)}")


@contextmanager
def _writing(url: str) -> Iterator[Connection]:
    with needs_serving():
        from polyrec.database.database import Database

    database = Database.open(url)
    try:
        with database.write() as connection:
            yield connection
    finally:
        database.close()


def _day(moment: int | None) -> str:
    return "" if moment is None else f"{datetime.fromtimestamp(moment / 1e6, UTC):%Y-%m-%d %H:%M}"
