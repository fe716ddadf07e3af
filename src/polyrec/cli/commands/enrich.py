"""polyrec enrich."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, Overrides, app, load_config
from polyrec.cli.console import out, print_json
from polyrec.compute.progress import progress_bars
from polyrec.errors import ConfigError, nearest

if TYPE_CHECKING:
    from polyrec.config import Config, LanguageModelConfig
    from polyrec.generate.enrich.enrichment import EnrichmentSummary, EnrichSettings
    from polyrec.types import Progress

_SHOWN = 20  # items in quarantine that are printed


@app.command()
def enrich(  # noqa: PLR0913 - one option each
    config: Path,
    language_model: Annotated[Path, typer.Option(help="The settings of the language model.")],
    path: Annotated[Path, typer.Option("--out", help="The file of the texts, JSON lines.")],
    overrides: Overrides = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="summary, tags, themes, audience, title. By default summary and tags."),
    ] = None,
    language: Annotated[str, typer.Option(help="The language to write in.")] = "English",
    as_json: AsJson = False,
) -> None:
    """Write further texts of the items by a language model; can be resumed."""
    from polyrec.config import read_language_model
    from polyrec.evaluate.quarantine import Quarantined, write_quarantine
    from polyrec.generate.enrich.enrichment import EnrichSettings
    from polyrec.generate.enrich.fields import FIELDS, EnrichedField

    for name in field or ():
        if name not in FIELDS:
            raise ConfigError("unknown field", received=name, remedy=nearest(name, FIELDS))
    fields = cast("tuple[EnrichedField, ...]", tuple(field or ("summary", "tags")))
    loaded, words = load_config(config, overrides), read_language_model(language_model)
    column = loaded.data.columns.get("item", ("item_id",))[0]
    settings = EnrichSettings(fields, language, column, words.max_concurrent)
    with progress_bars() as progress:
        summary = asyncio.run(_enrich(loaded, words, path, settings, progress=progress))
    failed = summary.quarantine.items()
    entries = [Quarantined("enrich", item, "", e.status, e.what) for item, e in failed]
    write_quarantine(entries, path.with_name(f"{path.stem}.quarantine.jsonl"))
    if as_json:
        counts = {"enriched": summary.enriched, "new": summary.new}
        unreadable = [entry._asdict() for entry in entries]
        print_json({**counts, "without_text": summary.without_text, "quarantine": unreadable})
        return
    out.print(f"{summary.enriched:,} items have texts, {summary.new:,} are new: {path}")
    for entry in entries[:_SHOWN]:
        out.print(f"[yellow]{escape(entry.item)}[/]: {escape(entry.reason)}")
    if entries:
        out.print(f"{len(entries):,} failed; run it again to try these")


async def _enrich(
    config: Config,
    words: LanguageModelConfig,
    path: Path,
    settings: EnrichSettings,
    *,
    progress: Progress,
) -> EnrichmentSummary:
    """Send what is new in the catalogue to the language model."""
    from polyrec.data.load import load_dataset
    from polyrec.generate.enrich.enrichment import enrich_items
    from polyrec.generate.language_model.client import open_language_model
    from polyrec.pipeline.assemble import search_texts

    catalog = load_dataset(config.data, weights=config.weights, seed=config.seed).catalog
    plain = search_texts(catalog) or ("",) * len(catalog.ids)
    texts = {
        item: text if title in (item, "") or text.startswith(title) else f"{title}\n{text}"
        for item, title, text in zip(catalog.ids, catalog.titles, plain, strict=True)
    }
    model = open_language_model(words)
    if model is None:
        raise ConfigError("enriching needs a language model", remedy="set use: address or folder")
    try:
        return await enrich_items(texts, model, path, settings, progress=progress)
    finally:
        await model.close()
