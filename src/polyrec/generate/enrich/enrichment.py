"""The enriched texts of a catalogue in a file of JSON lines: resumed, each item sent once.

An item is a prompt of its own, so that what stands in its text can change its own row alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from polyrec.errors import LanguageModelError
from polyrec.generate.enrich.fields import (
    COLUMN,
    EnrichedField,
    answer_model,
    cleaned_answer,
    field_meanings,
)
from polyrec.generate.language_model.client import LanguageModel
from polyrec.generate.language_model.prompt import Prompt
from polyrec.types import Progress, silent

_MAX_TEXT = 6_000  # characters of an item's text that are sent
_PASSING = ("unavailable", "timed out", "rate limited")  # worth another attempt in this run
_ATTEMPTS = 3
_DIGEST = COLUMN + "from"

Row = dict[str, str]


@dataclass(frozen=True)
class EnrichSettings:
    """What is written about each item, in which language, and how many at once.

    >>> EnrichSettings().fields
    ('summary', 'tags')
    """

    fields: tuple[EnrichedField, ...] = ("summary", "tags")
    language: str = "English"
    item_column: str = "item_id"
    concurrent: int = 4
    pause_s: float = 31.0  # before items are tried again: longer than the client's pause


@dataclass
class EnrichmentSummary:
    """How many items have texts, how many of these are new, and what failed."""

    enriched: int = 0
    new: int = 0
    without_text: int = 0
    quarantine: dict[str, LanguageModelError] = field(default_factory=dict)  # item -> error


async def enrich_items(
    texts: Mapping[str, str],
    model: LanguageModel,
    path: Path,
    settings: EnrichSettings = EnrichSettings(),
    *,
    progress: Progress = silent,
) -> EnrichmentSummary:
    """Write one row per item with a text; return what was done.

    `texts` are item -> text. Rows of the file whose text, fields and language are as before are
    kept, and nothing is sent for them. Rows are appended as they come, so that a run that was
    killed goes on; at the end the file has the items of `texts` in order.
    """
    rows = _read_rows(path, settings.item_column)
    digests = {item: _digest(text, settings) for item, text in texts.items() if text.strip()}
    known = {i: rows[i] for i, d in digests.items() if i in rows and rows[i].get(_DIGEST) == d}
    summary = EnrichmentSummary(without_text=len(texts) - len(digests))
    waiting = [item for item in digests if item not in known]
    _write_rows(path, list(rows.values()))  # without a line that was cut off
    run = _Run(texts, model, settings, summary, progress)
    with path.open("a", encoding="utf-8") as file:
        for attempt in range(_ATTEMPTS if waiting else 0):
            if attempt:
                await asyncio.sleep(settings.pause_s)
            known |= await run.send_each(waiting, digests, file)
            failed = summary.quarantine
            waiting = [item for item in failed if failed[item].status in _PASSING]
            if not waiting:
                break
    summary.enriched = len(known)
    _write_rows(path, [known[item] for item in digests if item in known])
    return summary


@dataclass
class _Run:
    texts: Mapping[str, str]
    model: LanguageModel
    settings: EnrichSettings
    summary: EnrichmentSummary
    progress: Progress

    async def send_each(
        self, items: Sequence[str], digests: Mapping[str, str], file: TextIO
    ) -> dict[str, Row]:
        """Return the rows of the items that the model answered; the others are in quarantine."""
        rows: dict[str, Row] = {}
        queue = iter(items)

        async def work() -> None:
            """Send one item after the other."""
            for item in queue:
                try:
                    columns = await self._send(self.texts[item])
                except LanguageModelError as error:
                    self.summary.quarantine[item] = error
                    continue
                self.summary.quarantine.pop(item, None)
                key = {self.settings.item_column: item, _DIGEST: digests[item]}
                rows[item] = {**key, **columns}
                file.write(_line(rows[item]))
                file.flush()
                self.summary.new += 1
                self.progress("enrich", len(rows), len(items))

        await asyncio.gather(*(work() for _ in range(self.settings.concurrent)))
        return rows

    async def _send(self, text: str) -> Row:
        data = {
            "fields": field_meanings(self.settings.fields),
            "language": self.settings.language,
            "text": text[:_MAX_TEXT],
        }
        prompt = Prompt("enrich.v1", data, personal="no")
        return cleaned_answer(await self.model.complete(prompt, answer_model(self.settings.fields)))


def _digest(text: str, settings: EnrichSettings) -> str:
    """Return what a row depends on: another model alone does not make texts anew."""
    key = json.dumps([sorted(settings.fields), settings.language, text])
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _read_rows(path: Path, item_column: str) -> dict[str, Row]:
    """Return item -> its last row; lines that a killed run cut off are left out."""
    if not path.is_file():
        return {}
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and item_column in row:
            rows[row[item_column]] = row
    return rows


def _write_rows(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text("".join(map(_line, rows)), encoding="utf-8")
    partial.replace(path)


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
