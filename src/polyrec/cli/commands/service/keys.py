"""polyrec keys: create, list and revoke API keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, app
from polyrec.cli.commands.service.serve import DEFAULT_DATABASE, ServedDatabase, require_serve_extra
from polyrec.cli.console import err, out, print_json, print_table
from polyrec.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

keys = typer.Typer(help="Create, list and revoke the API keys of a service.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[
        list[str], typer.Option(help="recommend, read, write or admin; may be repeated.")
    ],
    per_second: Annotated[
        float | None, typer.Option(help="The most requests per second and worker.")
    ] = None,
    database: ServedDatabase = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it, once: only a digest is stored."""
    with writing(database) as connection:
        from polyrec.database.keys import create_key

        key, text = create_key(connection, name, scope, per_second=per_second)
    if as_json:
        print_json({"id": key.key_id, "name": key.name, "scopes": key.scopes, "key": text})
        return
    err.print(f"key {key.key_id} for {escape(key.name)}: {', '.join(key.scopes)}")
    out.print(text, highlight=False, soft_wrap=True)


@keys.command("list")
def list_keys(database: ServedDatabase = DEFAULT_DATABASE, as_json: AsJson = False) -> None:
    """List all keys, revoked ones too, without their secrets."""
    with writing(database) as connection:
        from polyrec.database.keys import all_keys

        stored = all_keys(connection)
    if as_json:
        print_json([vars(key) for key in stored])
        return
    rows = [
        (k.key_id, k.name, ", ".join(k.scopes), _minute(k.created), _minute(k.revoked))
        for k in stored
    ]
    print_table(("id", "name", "scopes", "created", "revoked"), rows)


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="As shown by polyrec keys list.")],
    database: ServedDatabase = DEFAULT_DATABASE,
) -> None:
    """Revoke a key: within a second every worker refuses it."""
    with writing(database) as connection:
        from polyrec.database.keys import revoke_key

        if not revoke_key(connection, key_id):
            remedy = "see polyrec keys list"
            raise DataError("no valid key with this id", received=key_id, remedy=remedy)
    out.print(f"revoked {escape(key_id)}")


@contextmanager
def writing(url: str) -> Iterator[Connection]:
    """Open the database for one transaction."""
    with require_serve_extra():
        from polyrec.database.database import Database

    database = Database.open(url)
    try:
        with database.write() as connection:
            yield connection
    finally:
        database.close()


def _minute(time_us: int | None) -> str:
    return "" if time_us is None else f"{datetime.fromtimestamp(time_us / 1e6, UTC):%Y-%m-%d %H:%M}"
