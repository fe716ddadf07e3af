"""Quotas of uploads: the bytes of all, those of one key, and space that stays free on the disk.

Bytes count from their arrival until their file is deleted, which is up to two hours after the last
item that referred to it. The bounds hold for the service; uploads that arrive at several workers in
the same moment may pass them by what is under way.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool

from polyrec.database import uploads
from polyrec.database.database import Database
from polyrec.serve.responses import http_error
from polyrec.serve.settings import Settings

_GB = 2**30
_CACHE_S = 5.0  # how long sums of the database are cached
_MAX_KEYS = 10_000


@dataclass
class UploadQuota:
    """The bytes of uploads, stored and under way, of one worker's point of view."""

    settings: Settings
    database: Database
    folder: Path
    _stored: dict[str, tuple[int, float]] = field(default_factory=dict)  # key -> bytes, valid until
    _arriving: Counter[str] = field(default_factory=Counter)  # key -> bytes under way; "": all

    @asynccontextmanager
    async def allowance(self, key_id: str | None) -> AsyncIterator[Allowance]:
        """Open an upload with a key; what it was allowed counts as under way until the end."""
        names = ("", key_id) if key_id else ("",)
        await run_in_threadpool(self._refresh, names)
        allowance = Allowance(self, names)
        try:
            yield allowance
        finally:
            for name in names:
                self._arriving[name] -= allowance.size
                if not self._arriving[name]:
                    del self._arriving[name]

    def take(self, names: tuple[str, ...], size: int) -> None:
        """Count bytes as under way; raise 503 or 507 if they are too many."""
        settings = self.settings
        if self._arriving[""] + size > settings.max_arriving_gb * _GB:
            raise http_error(503, "too many uploads at once", remedy="try again in a moment",
                             retry_s=settings.retry_after_s)  # fmt: skip
        limits = (settings.max_uploads_gb, settings.max_uploads_gb_per_key)
        for name, limit in zip(names, limits, strict=False):
            if self._stored.get(name, (0, 0.0))[0] + self._arriving[name] + size > limit * _GB:
                raise _full("of this key" if name else "of all", f"at most {limit:g} GB")
        folder = self.folder if self.folder.is_dir() else Path()
        free = shutil.disk_usage(folder).free
        if free - size < settings.min_free_gb * _GB:
            raise _full("on the disk", f"{settings.min_free_gb:g} GB stay free")
        for name in names:
            self._arriving[name] += size

    def count_stored(self, names: tuple[str, ...], size: int) -> None:
        """Count a file that was stored since the sums were read."""
        for name in names:
            stored, until = self._stored.get(name, (0, 0.0))
            self._stored[name] = (stored + size, until)

    def _refresh(self, names: tuple[str, ...]) -> None:
        now = time.monotonic()
        outdated = [name for name in names if self._stored.get(name, (0, 0.0))[1] <= now]
        if not outdated:
            return
        if len(self._stored) > _MAX_KEYS:
            self._stored.clear()
            outdated = list(names)
        with self.database.read() as connection:
            for name in outdated:
                size = uploads.uploaded_bytes(connection, key_id=name or None)
                self._stored[name] = (size, now + _CACHE_S)


@dataclass
class Allowance:
    """What one upload was allowed so far."""

    quota: UploadQuota
    names: tuple[str, ...]
    size: int = 0

    def take(self, size: int) -> None:
        """Ask for more bytes; raise 503 or 507 if they are too many."""
        self.quota.take(self.names, size)
        self.size += size

    def count_stored(self) -> None:
        """Count the bytes as stored."""
        self.quota.count_stored(self.names, self.size)


def _full(what: str, limit: str) -> HTTPException:
    remedy = "remove media of items; their space is free within two hours"
    return http_error(507, f"no space for uploads {what}", received=limit, remedy=remedy)
