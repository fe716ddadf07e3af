"""Pictures, sounds and videos of items: those the bundle was made from, and those uploaded since.

The files of the data are found by the bundle's own config, where they still are; a service that
runs elsewhere shows initials. Pictures are decoded and written anew, small, in the processes that
read uploads; sounds and videos are sent as they are, as what their first bytes say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from polyrec.artifact.bundle import Bundle
from polyrec.compute.sandbox import Sandbox
from polyrec.data.load import read_catalog
from polyrec.errors import MediaError, PolyrecError
from polyrec.media.probe import PICTURES, thumbnail_of
from polyrec.types import Catalog, Raw

_LOG = logging.getLogger(__name__)
SMALL = 320  # pixels


class Contents:
    """The content of one bundle's items; the data are looked through when first asked."""

    def __init__(self, bundle: Bundle, sandbox: Sandbox) -> None:
        self.bundle = bundle
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._known: tuple[Catalog, Mapping[str, int]] | None = None

    def of(self, item_id: str, uploaded: Mapping[str, Path | None]) -> Mapping[str, Raw]:
        """Return an item's content by kind; what was `uploaded` (None: taken away) comes first."""
        catalog, rows = self._loaded()
        row = rows.get(item_id)
        found: dict[str, Raw | None] = {}
        if row is not None:
            found = {kind: catalog.content(kind)[row] for kind in catalog.contents}
        found |= uploaded
        return {kind: raw for kind, raw in found.items() if isinstance(raw, str | Path | bytes)}

    def picture(self, item_id: str, uploaded: Mapping[str, Path | None]) -> bytes | None:
        """Return a small JPEG of an item: its picture, else a frame of its video."""
        contents = self.of(item_id, uploaded)
        for kind in PICTURES:
            if kind in contents:
                try:
                    raw = contents[kind]
                    return thumbnail_of(kind, raw, size=SMALL, sandbox=self._sandbox)
                except MediaError:
                    continue
        return None

    def _loaded(self) -> tuple[Catalog, Mapping[str, int]]:
        """Return the items of the data, and id -> row; none where the data are not here."""
        with self._lock:
            if self._known is None:
                try:
                    catalog = read_catalog(self.bundle.config.data)
                except (PolyrecError, OSError) as error:
                    _LOG.info("the bundle's data are not here: %s", error)
                    catalog = Catalog((), ())
                self._known = catalog, {name: row for row, name in enumerate(catalog.ids)}
            return self._known
