"""polyrec explain."""

from __future__ import annotations

import asyncio
from pathlib import Path
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
    from polyrec.config import LanguageModelConfig
    from polyrec.explanation import Explanation

_SHOWN = 15  # items of the history that are printed

Language = Annotated[str, typer.Option(help="The language of the reason in words: en or zh.")]
LanguageModelFile = Annotated[
    Path | None, typer.Option(help="The settings of a language model that words the reason.")
]


@app.command()
def explain(  # noqa: PLR0913 - one option each
    bundle: BundleFolder,
    item: Annotated[str, typer.Option(help="The item whose score is explained.")],
    user: UserId = None,
    history: History = None,
    language: Language = "en",
    language_model: LanguageModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what each item of a history contributes to the score of an item, and why in words."""
    from polyrec.config import LanguageModelConfig, read_language_model
    from polyrec.explain import explain as explain_score

    words = read_language_model(language_model) if language_model else LanguageModelConfig()
    require_user_or_history(user, history)
    loaded = load_bundle(bundle)
    if user is not None:
        query = loaded.query([user])
    else:
        query = loaded.query(histories=[split_commas(history)])
    model, train = loaded.parts.recommender, loaded.behaviour["train"]
    explanation = explain_score(model, query, loaded.row(item), train)
    text = asyncio.run(_in_words(loaded, explanation, language, words))
    results = {**_to_dict(loaded, explanation), "text": text}
    if as_json:
        print_json(results)
    else:
        _print_explanation(results)


async def _in_words(
    bundle: Bundle, explanation: Explanation, language: str, config: LanguageModelConfig
) -> str:
    """Return the reason in words, "" if nothing in the history speaks for the item."""
    from polyrec.generate.language_model.client import open_language_model
    from polyrec.generate.wording.facts import reason_facts
    from polyrec.generate.wording.reason import write_reason
    from polyrec.generate.wording.templates import reason_language

    facts = reason_facts(explanation, lambda row: bundle.titles[row])
    if facts is None:
        return ""
    model = open_language_model(config)
    try:
        chosen, deadline_s = reason_language(language), config.timeout_s
        return (await write_reason(facts, chosen, model, deadline_s=deadline_s)).text
    finally:
        if model is not None:
            await model.close()


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
    if results["text"]:
        out.print(escape(results["text"]))
    print_table(("item", "title", *sources), rows)
    if hidden > 0:
        out.print(f"and {hidden} more")
    sums = ", ".join(f"{source} {part:.4f}" for source, part in results["sources"].items())
    out.print(f"total {sums or 'nothing'}; baseline {results['baseline']:.4f}")
    if not results["exact"]:
        out.print("each part is the fall of the score without that item: parts need not add up")
