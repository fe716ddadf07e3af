"""polyrec profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from polyrec.cli.app import AsJson, app
from polyrec.cli.commands.service.keys import writing
from polyrec.cli.commands.service.serve import DEFAULT_DATABASE, ServedDatabase
from polyrec.cli.console import err, print_json, print_table
from polyrec.errors import ConfigError, nearest

if TYPE_CHECKING:
    from polyrec.index.tastes import Attitude, Taste

_Subjects = list[str] | None


@app.command()
def profile(  # noqa: PLR0913 - one option per attitude
    user: Annotated[str, typer.Argument(help="A user of the service.")],
    like: Annotated[
        _Subjects, typer.Option(help="category:X, label:KEY=VALUE, item:ID or words:X.")
    ] = None,
    dislike: Annotated[_Subjects, typer.Option(help="Likewise: in no list.")] = None,
    ignore: Annotated[
        _Subjects, typer.Option(help="Likewise: in the history, not counted.")
    ] = None,
    forget: Annotated[_Subjects, typer.Option(help="Take one of these back.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the last change.")] = False,
    database: ServedDatabase = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Show or change what a user of a service stated about their taste."""
    from polyrec.index.tastes import current_tastes, with_edits, without_last

    options: dict[Attitude, _Subjects] = {
        "like": like, "dislike": dislike, "ignore": ignore, "none": forget
    }  # fmt: skip
    tastes = [_taste(name, text) for name, texts in options.items() for text in texts or ()]
    if undo and tastes:
        raise ConfigError("--undo stands alone", remedy="undo first, then state something")
    with writing(database) as connection:
        from polyrec.database import records

        if undo and not records.edit_tastes(connection, user, without_last):
            err.print("there is nothing to undo")
        if tastes:
            records.edit_tastes(connection, user, lambda edits: with_edits(edits, tastes))
        stated = current_tastes(records.user_tastes(connection, user))
    if as_json:
        print_json([taste._asdict() for taste in stated])
        return
    rows = [(t.attitude, t.subject, f"{t.key} {t.value}".strip()) for t in stated]
    print_table(("attitude", "towards", ""), rows)


def _taste(attitude: Attitude, text: str) -> Taste:
    """Return the taste for a subject on the command line."""
    from polyrec.index.tastes import SUBJECTS, Taste

    name, _, value = text.partition(":")
    key = ""
    subject = next((known for known in SUBJECTS if known == name), None)
    if subject is None:
        remedy = f"{nearest(name, SUBJECTS)}: write category:jazz, label:colour=red, item:i1"
        raise ConfigError("unknown kind of taste", received=text, remedy=remedy)
    if subject == "label":
        key, _, value = value.rpartition("=")
    if not value.strip():
        raise ConfigError("a taste needs a name", received=text, remedy="write category:jazz")
    return Taste(attitude, subject, value.strip(), key)
