"""Pictures, sounds and videos of items: those the bundle was made from, and those uploaded since.

The files of the data are found by the bundle's own config, where they still are; a service that
runs elsewhere shows initials. Pictures are decoded and written anew, small; sounds and videos are
sent as they are, as what their first bytes say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from polyrec.bundle import Bundle
from polyrec.data.load import load
from polyrec.errors import MediaError, PolyrecError
from polyrec.media.probe import PICTURES
from polyrec.types import Catalog, Raw

_LOG = logging.getLogger(__name__)
SMALL = 320  # pixels
_TYPES = (  # offset, first bytes, type
    (0, b"ID3", "audio/mpeg"), (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"), (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"), (0, b"\x1aE\xdf\xa3", "video/webm"),
)  # fmt: skip


class Contents:
    """The content of one bundle's items; the data are looked through when first asked."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None

    def of(self, item_id: str) -> Mapping[str, Raw]:
        """Return an item's content by kind; nothing for an item that the data don't hold."""
        row = self._rows.get(item_id)
        if row is None:
            return {}
        catalog = self._loaded()
        found = {kind: catalog.content(kind)[row] for kind in catalog.contents}
        return {kind: raw for kind, raw in found.items() if isinstance(raw, str | Path | bytes)}

    def picture(self, item_id: str) -> bytes | None:
        """Return a small JPEG of an item: its picture, else a frame of its video."""
        contents = self.of(item_id)
        for kind, draw in PICTURES.items():
            if kind in contents:
                try:
                    return draw(contents[kind], size=SMALL)
                except MediaError:
                    continue
        return None

    @property
    def _rows(self) -> Mapping[str, int]:
        catalog = self._loaded()
        if not hasattr(self, "_places"):
            self._places = {name: row for row, name in enumerate(catalog.ids)}
        return self._places

    def _loaded(self) -> Catalog:
        with self._lock:
            if self._catalog is None:
                config = self.bundle.config
                try:
                    told = load(config.data, weights=config.weights, seed=config.seed)
                    self._catalog = told.dataset.catalog
                except (PolyrecError, OSError) as error:
                    _LOG.info("the bundle's data are not here: %s", error)
                    self._catalog = Catalog((), ())
        return self._catalog


def media_type(head: bytes) -> str | None:
    """Return the type that the first 16 bytes of a sound or video say, None for anything else.

    >>> media_type(b"OggS" + bytes(12))
    'audio/ogg'
    """
    for offset, mark, name in _TYPES:
        if head[offset : offset + len(mark)] == mark:
            return name
    # the eleven bits with which each frame of a raw mp3 begins
    return "audio/mpeg" if head[:1] == b"\xff" and head[1:2] >= b"\xe0" else None
