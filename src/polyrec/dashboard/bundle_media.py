"""Media of items: the files that the bundle was trained on, and uploads.

The bundle's config names the data folder. If a service runs where that folder does not exist, pages
show initials. Images are decoded and re-encoded as thumbnails in the sandbox processes; audio and
video are sent unchanged, with the type of their first bytes.
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
from polyrec.media.probe import THUMBNAILS, make_thumbnail
from polyrec.types import Catalog, Raw

_LOG = logging.getLogger(__name__)
THUMBNAIL_PIXELS = 320


class BundleMedia:
    """The media of the items of one bundle; the data folder is read at the first call."""

    def __init__(self, bundle: Bundle, sandbox: Sandbox) -> None:
        self.bundle = bundle
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._catalog: tuple[Catalog, Mapping[str, int]] | None = None

    def contents(self, item_id: str, uploads: Mapping[str, Path | None]) -> Mapping[str, Raw]:
        """Return modality -> content of an item; `uploads` (None: removed) take precedence."""
        catalog, rows = self._load()
        row = rows.get(item_id)
        contents: dict[str, Raw | None] = {}
        if row is not None:
            contents = {name: catalog.content(name)[row] for name in catalog.contents}
        contents |= uploads
        return {name: raw for name, raw in contents.items() if isinstance(raw, str | Path | bytes)}

    def thumbnail(self, item_id: str, uploads: Mapping[str, Path | None]) -> bytes | None:
        """Return a small JPEG of an item's image, else of a frame of its video."""
        contents = self.contents(item_id, uploads)
        for modality in THUMBNAILS:
            if modality in contents:
                try:
                    raw = contents[modality]
                    return make_thumbnail(
                        modality, raw, size=THUMBNAIL_PIXELS, sandbox=self._sandbox
                    )
                except MediaError:
                    continue
        return None

    def _load(self) -> tuple[Catalog, Mapping[str, int]]:
        """Return the catalogue of the data and id -> row; both empty without the data."""
        with self._lock:
            if self._catalog is None:
                try:
                    catalog = self.bundle.catalog or read_catalog(self.bundle.config.data)
                except (PolyrecError, OSError) as error:
                    _LOG.info("the bundle's data can't be read, showing initials: %s", error)
                    catalog = Catalog((), ())
                self._catalog = catalog, {name: row for row, name in enumerate(catalog.ids)}
            return self._catalog
