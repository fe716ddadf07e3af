"""The command that says why: polyrec explain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from polyrec.cli.commands import Folder, Json, app
from polyrec.cli.show import out, show_json, table
from polyrec.errors import ConfigError

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.types import Explanation

_LISTED = 15  # items of the history that are shown


@app.command()
def explain(
    bundle: Folder,
    item: Annotated[str, typer.Option(help="The item in question.")],
    user: Annotated[str | None, typer.Option(help="A user of the data.")] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids by comma, of someone unknown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what each item of a history gives to the score of an item."""
    from polyrec.artifact.bundle import Bundle
    from polyrec.explain import explain as explained

    if (user is None) == (history is None):
        raise ConfigError("explain to whom?", remedy="give --user U or --history a,b,c")
    loaded = Bundle.load(Path(bundle))
    given = list(filter(None, (history or "").split(",")))
    query = loaded.query([user]) if user is not None else loaded.query(histories=[given])
    found = explained(loaded.parts.recommender, query, loaded.row(item), loaded.behaviour["train"])
    told = _told(loaded, found)
    if as_json:
        show_json(told)
    else:
        _show(told)


def _told(bundle: Bundle, found: Explanation) -> dict[str, Any]:
    """Return plain values: history items by what they give in all, and what each source gives."""
    return {
        "item": bundle.ids[found.item],
        "title": bundle.titles[found.item],
        "score": found.score,
        "baseline": found.baseline,
        "exact": found.exact,
        "sources": found.by_source(),
        "history": [
            {"item": bundle.ids[row], "title": bundle.titles[row], "parts": parts}
            for row, parts in found.by_item()
        ],
    }


def _show(told: dict[str, Any]) -> None:
    names = list(told["sources"])
    rows = [
        (entry["item"], entry["title"], *(f"{entry['parts'].get(n, 0.0):.4f}" for n in names))
        for entry in told["history"][:_LISTED]
    ]
    left = len(told["history"]) - len(rows)
    out.print(f"[bold]{escape(told['title'])}[/]: score {told['score']:.4f}")
    table(("item", "title", *names), rows)
    if left > 0:
        out.print(f"and {left} more")
    sums = ", ".join(f"{name} {part:.4f}" for name, part in told["sources"].items())
    out.print(f"in all {sums or 'nothing'}; not from the history {told['baseline']:.4f}")
    if not told["exact"]:
        out.print("parts are how far the score falls without an item: they need not add up")
