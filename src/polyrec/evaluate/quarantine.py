"""Contents that could not be read: a file for programs, a page for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from polyrec.evaluate.pages.charts import write_page
from polyrec.types import Catalog, Link, Problem, Raw


class Quarantined(NamedTuple):
    """One content that could not be read."""

    view: str
    item: str
    source: str  # the file's name or URL; "" where the content is no file
    status: str
    reason: str


def quarantined_contents(
    catalog: Catalog, view: str, content: str, problems: Mapping[int, Problem]
) -> list[Quarantined]:
    """Return the unreadable contents of one view, in the order of the catalogue."""
    contents = catalog.content(content)
    return [
        Quarantined(view, catalog.ids[row], _source(contents[row]), *problems[row])
        for row in sorted(problems)
    ]


def write_quarantine(entries: Iterable[Quarantined], path: Path) -> None:
    """Write one JSON object per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # names that are not UTF-8 are kept as escapes
    lines = [json.dumps(entry._asdict()) + "\n" for entry in entries]
    path.write_text("".join(lines), encoding="utf-8")


def write_quarantine_page(entries: Sequence[Quarantined], path: Path) -> None:
    """Write a page with counts by status and every entry."""
    counts = Counter((entry.view, entry.status) for entry in entries)
    printable = [Quarantined(*(_escaped(text) for text in entry)) for entry in entries]
    values = {"entries": printable, "counts": sorted(counts.items())}
    write_page("quarantine.html.j2", values, path)


def _source(raw: Raw | None) -> str:
    if isinstance(raw, Path):
        return str(raw)
    return raw.url if isinstance(raw, Link) else ""


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
