"""What a language model may write about an item, and how its answer is cleaned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import pydantic
from pydantic import BaseModel, ConfigDict

from polyrec.generate.wording.facts import visible_text

EnrichedField = Literal["summary", "tags", "themes", "audience", "title"]
FIELDS: tuple[EnrichedField, ...] = get_args(EnrichedField)
COLUMN = "enriched_"
"""The columns are called enriched_summary and so on: an items table may have a title or tags."""

_MEANINGS: dict[EnrichedField, str] = {
    "summary": "one or two sentences that summarise the text",
    "tags": "3 to 10 words or short phrases for what it is about, the most important first",
    "themes": "1 to 5 themes, moods or ideas",
    "audience": "for whom it is, in at most eight words",
    "title": "the title, translated",
}
_LISTS = ("tags", "themes")
_MAX_ENTRIES, _MAX_ENTRY, _MAX_TEXT = 12, 60, 600  # characters


def field_meanings(fields: Sequence[EnrichedField]) -> dict[str, str]:
    """Return what a model is to write for each field."""
    return {name: _MEANINGS[name] for name in fields}


def answer_model(fields: Sequence[EnrichedField]) -> type[BaseModel]:
    """Return the schema of an answer with these fields, all required."""
    types: dict[str, Any] = {name: (list[str] if name in _LISTS else str, ...) for name in fields}
    config = ConfigDict(extra="forbid")
    model: type[BaseModel] = pydantic.create_model("Enrichment", __config__=config, **types)
    return model


def cleaned_answer(answer: BaseModel) -> dict[str, str]:
    """Return column -> text, of visible characters and bounded length; lists as "a, b".

    >>> cleaned_answer(answer_model(["tags"])(tags=["Sea", "sea ", "", "a" + chr(0x202E) + "b"]))
    {'enriched_tags': 'Sea, ab'}
    """
    columns = {}
    for name, value in answer.model_dump().items():
        if name in _LISTS:
            entries = (visible_text(entry, _MAX_ENTRY).replace(",", " ") for entry in value)
            distinct = {entry.casefold(): entry for entry in reversed(list(entries)) if entry}
            text = ", ".join(list(reversed(distinct.values()))[:_MAX_ENTRIES])
        else:
            text = visible_text(value, _MAX_TEXT)
        columns[COLUMN + name] = text
    return columns
