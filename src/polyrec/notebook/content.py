"""Titles, pictures and players of items, as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from polyrec.artifact.bundle import Bundle
from polyrec.config import DataConfig
from polyrec.data.load import Dataset, read_catalog
from polyrec.errors import PolyrecError
from polyrec.evaluate.samples import sample_item
from polyrec.media.sniff import HEAD, sniff
from polyrec.types import Catalog, Raw

_MAX_PLAYER_BYTES = 2_000_000  # of a sound or video
_MAX_OUTPUT_BYTES = 8_000_000  # of all players of an output
_NO_ITEMS = Catalog((), ())


class Player(NamedTuple):
    """A sound or a video of an item."""

    kind: str  # "audio" or "video", as HTML has it
    source: str  # data URI


class NotebookCard(NamedTuple):
    """What a notebook shows of an item."""

    item: str
    title: str
    picture: str  # data URI; initials for items without a picture
    players: tuple[Player, ...]


@dataclass
class ItemContent:
    """The content of a catalogue's items; players are added until an output has enough."""

    catalog: Catalog
    rows: Mapping[str, int]
    _bytes: int = field(default=0, init=False)

    @classmethod
    def of(cls, origin: object) -> ItemContent:
        """Return the content of a data set, or of a bundle whose data are at hand."""
        catalog = _catalog(origin)
        return cls(catalog, {item: row for row, item in enumerate(catalog.ids)})

    @property
    def has_media(self) -> bool:
        """Return whether there are pictures or players to show."""
        return bool({"image", "audio", "video"} & self.catalog.contents.keys())

    def card(self, item: str, title: str) -> NotebookCard:
        """Return an item with its picture and players."""
        row = self.rows.get(item)
        if row is None:
            catalog, row = Catalog((item,), (title,)), 0
        else:
            catalog = self.catalog
        players = [self._player(kind, catalog.content(kind)[row]) for kind in ("audio", "video")]
        picture = sample_item(catalog, row).source
        return NotebookCard(item, title, picture, tuple(p for p in players if p is not None))

    def _player(self, kind: str, raw: Raw | None) -> Player | None:
        content = _bytes(raw)
        if not content or self._bytes + len(content) > _MAX_OUTPUT_BYTES:
            return None
        detected = sniff(content[:HEAD])
        if kind not in detected.modalities:
            return None
        self._bytes += len(content)
        media_type = (
            f"{kind}/ogg" if detected.media_type == "application/ogg" else detected.media_type
        )
        return Player(kind, f"data:{media_type};base64,{base64.b64encode(content).decode()}")


def _bytes(raw: Raw | None) -> bytes:
    """Return the bytes of a file or content in memory that is short enough, else none."""
    if isinstance(raw, bytes):
        return raw if len(raw) <= _MAX_PLAYER_BYTES else b""
    if isinstance(raw, Path) and raw.is_file() and raw.stat().st_size <= _MAX_PLAYER_BYTES:
        return raw.read_bytes()
    return b""


def _catalog(origin: object) -> Catalog:
    if isinstance(origin, Dataset):
        return origin.catalog
    if isinstance(origin, Bundle):
        return origin.catalog or _stored_catalog(origin.config.data.model_dump_json())
    return _NO_ITEMS


@lru_cache(maxsize=2)
def _stored_catalog(config: str) -> Catalog:
    """Return the catalogue of a loaded bundle's data, empty if they are not at hand."""
    try:
        return read_catalog(DataConfig.model_validate_json(config))
    except (PolyrecError, OSError):
        return _NO_ITEMS
