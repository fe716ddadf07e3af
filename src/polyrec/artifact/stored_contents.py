"""The items' content in a bundle that was made from frames, since no file has it.

Texts are stored as they are, media as the paths of their files. Features and bytes are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from polyrec.types import Catalog, Link, Problem, Raw

StoredContent: TypeAlias = str | Mapping[str, str] | None
"""A text, {"file": path}, {"link": URL}, or nothing."""


def dump_contents(catalog: Catalog) -> dict[str, list[StoredContent]]:
    """Return modality -> content of each item, without the modalities that can't be stored."""
    return {
        name: [_dump(raw) for raw in rows]
        for name, rows in catalog.contents.items()
        if all(raw is None or isinstance(raw, str | Path | Link | Problem) for raw in rows)
    }


def load_contents(tree: Mapping[str, Sequence[StoredContent]]) -> dict[str, list[Raw | None]]:
    """Return modality -> content of each item, as a catalogue has it."""
    return {name: [_load(content) for content in rows] for name, rows in tree.items()}


def _dump(raw: Raw | None) -> StoredContent:
    if isinstance(raw, Path):
        return {"file": str(raw.absolute())}
    if isinstance(raw, Link):
        return {"link": raw.url}
    return raw if isinstance(raw, str) else None


def _load(content: StoredContent) -> Raw | None:
    if content is None or isinstance(content, str):
        return content
    return Path(content["file"]) if "file" in content else Link(content["link"])
