"""What encoders share that read one item at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from polyrec.engine.workers import map_ordered
from polyrec.errors import MediaError
from polyrec.store.state import settings
from polyrec.types import Embeddings, Floats, Raw


class PerItem:
    """An encoder that only says how one item becomes a row, in `describe`."""

    version: ClassVar[int] = 1  # raise it when the same bytes become another row

    @property
    def width(self) -> int:
        """Return d."""
        raise NotImplementedError

    def describe(self, raw: Raw) -> Floats:
        """Return the (d,) row of one content, or raise `MediaError`."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """Return what tells this encoder from all others: name, version, settings."""
        told = json.dumps(settings(self), sort_keys=True)
        return f"{type(self).__name__} {self.version} {told}"

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per content; what can't be read is absent, with the reason."""
        vectors = np.zeros((len(contents), self.width), np.float32)
        present = np.zeros(len(contents), bool)
        problems = {}
        for i, made in enumerate(map_ordered(self._try, contents)):
            if isinstance(made, str):
                problems[i] = made
            elif made is not None:
                vectors[i], present[i] = made, True
        return Embeddings(vectors, present, problems)

    def _try(self, raw: Raw | None) -> Floats | str | None:
        if raw is None:
            return None
        try:
            row = self.describe(raw)
        except MediaError as error:
            return str(error)
        return row if np.isfinite(row).all() else "features that are not finite"


def content_key(raw: Raw, identity: str) -> bytes:
    """Return the sha256 of a content's bytes and of what reads them."""
    digest = hashlib.sha256(identity.encode())
    if isinstance(raw, np.ndarray):
        digest.update(np.ascontiguousarray(raw).data)
    elif isinstance(raw, str | bytes):
        digest.update(raw.encode() if isinstance(raw, str) else raw)
    else:
        with raw.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()


def unit(values: Floats) -> Floats:
    """Return a vector at length 1 (zero stays zero)."""
    norm = float(np.linalg.norm(values))
    return np.asarray(values / norm if norm > 0 else values, np.float32)
