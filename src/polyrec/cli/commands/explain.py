"""polyrec explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from polyrec.cli.app import (
    AsJson,
    BundleFolder,
    History,
    UserId,
    app,
    load_bundle,
    require_user_or_history,
    split_commas,
)
from polyrec.cli.console import out, print_json, print_table

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.types import Explanation

_SHOWN = 15  # items of the history that are printed


@app.command()
def explain(
    bundle: BundleFolder,
    item: Annotated[str, typer.Option(help="The item whose score is explained.")],
    user: UserId = None,
    history: History = None,
    as_json: AsJson = False,
) -> None:
    """Show what each item of a history contributes to the score of an item."""
    from polyrec.explain import explain as explain_score

    require_user_or_history(user, history)
    loaded = load_bundle(bundle)
    if user is not None:
        query = loaded.query([user])
    else:
        query = loaded.query(histories=[split_commas(history)])
    model, train = loaded.parts.recommender, loaded.behaviour["train"]
    results = _to_dict(loaded, explain_score(model, query, loaded.row(item), train))
    if as_json:
        print_json(results)
    else:
        _print_explanation(results)


def _to_dict(bundle: Bundle, explanation: Explanation) -> dict[str, Any]:
    """Return plain values: items of the history, the largest contribution first, and sources."""
    return {
        "item": bundle.ids[explanation.item],
        "title": bundle.titles[explanation.item],
        "score": explanation.score,
        "baseline": explanation.baseline,
        "exact": explanation.exact,
        "sources": explanation.by_source(),
        "history": [
            {"item": bundle.ids[row], "title": bundle.titles[row], "parts": parts}
            for row, parts in explanation.by_item()
        ],
    }


def _print_explanation(results: dict[str, Any]) -> None:
    sources = list(results["sources"])
    rows = [
        (entry["item"], entry["title"], *(f"{entry['parts'].get(s, 0.0):.4f}" for s in sources))
        for entry in results["history"][:_SHOWN]
    ]
    hidden = len(results["history"]) - len(rows)
    out.print(f"[bold]{escape(results['title'])}[/]: score {results['score']:.4f}")
    print_table(("item", "title", *sources), rows)
    if hidden > 0:
        out.print(f"and {hidden} more")
    sums = ", ".join(f"{source} {part:.4f}" for source, part in results["sources"].items())
    out.print(f"total {sums or 'nothing'}; baseline {results['baseline']:.4f}")
    if not results["exact"]:
        out.print("each part is the fall of the score without that item: parts need not add up")
