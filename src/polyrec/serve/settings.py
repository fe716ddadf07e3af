"""The settings of a service."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

ModelUse = Literal["reasons", "lists", "chat"]


@dataclass(frozen=True)
class Settings:
    """The settings of `polyrec serve`; the defaults suit one machine."""

    bundle: Path
    database: str = "sqlite:///polyrec.sqlite"
    host: str = "127.0.0.1"
    port: int = 8087
    workers: int = 1
    default_n: int = 10  # items of a list without `n`
    max_n: int = 10_000  # items, users or feedbacks of one list or page
    max_queries: int = 1_000  # users and histories of one batch
    max_batch_items: int = 100_000  # of one batch: lists times (N + Offset)
    cached_histories: int = 50_000  # users whose history is held in memory
    max_history: int = 2_000  # latest feedbacks of a user that are read
    max_body_mb: float = 16.0  # of one request
    max_held_mb: float = 64.0  # of bodies over 1 MB in memory of one worker
    body_timeout_s: float = 60.0  # to receive a body
    max_pending_writes: int = 10_000  # beyond, writes are refused
    popularity_events: int = 20_000  # latest events that recent popularity is counted from
    hide_seen: bool = True  # whether lists leave out what their user has feedback on
    hiding_kinds: tuple[str, ...] = ()  # feedback types that hide an item; none: all
    half_life_days: float = 7.0  # of an event in recent popularity
    max_upload_mb: float = 64.0  # of one uploaded content
    max_uploads_gb: float = 100.0  # of all uploaded files
    max_uploads_gb_per_key: float = 50.0  # of those of one key
    max_arriving_gb: float = 2.0  # of uploads under way in one worker
    min_free_gb: float = 0.5  # that uploads leave on the disk
    max_computations: int = 2  # large lists, searches, explanations at once in one worker
    decode_timeout_s: float = 20.0  # to decode one uploaded content
    media: Path | None = None  # the folder of uploaded files; None: beside the database
    refit_hours: float = 0.0  # between two refits; 0: none is scheduled
    retry_after_s: int = 1  # the Retry-After of a refused request
    require_keys: bool | None = (
        None  # whether requests need a key; None: unless on loopback, without proxies
    )
    requests_per_second: float = 0.0  # of one key, over all workers; 0: no limit
    shared_folder: Path | None = None  # where the workers of a service share rates
    max_requests: int = 512  # under way in one worker; beyond, requests are refused
    max_requests_per_address: int = 128  # of `max_requests`
    max_connections: int = 2_000  # of one worker; beyond, the oldest that waits gives way
    max_connections_per_address: int = 256  # of one worker, proxies excepted
    head_timeout_s: float = 10.0  # to receive the head of a request
    proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-For is believed
    language_model: Path | None = None  # the file of its settings; None: no language model
    language_model_uses: tuple[ModelUse, ...] = ("reasons",)
    language_model_timeout_s: float = 1.0  # that a request waits for it
    cors_origins: tuple[str, ...] = ()  # sites whose pages may send requests
    allowed_hosts: tuple[str, ...] = ()  # Host headers that are accepted; none: any

    @property
    def requires_key(self) -> bool:
        """Return whether requests need a key: by default unless only this machine can send any."""
        if self.require_keys is not None:
            return self.require_keys
        return bool(self.proxies) or not is_loopback(self.host)

    @property
    def media_folder(self) -> Path:
        """Return the folder of uploaded files: beside an SQLite file, else `polyrec.media`."""
        if self.media is not None:
            return self.media
        scheme, _, file = self.database.partition(":///")
        if not scheme.startswith("sqlite") or not file:
            return Path("polyrec.media")
        return Path(f"{file.partition('?')[0]}.media")


@lru_cache(64)  # each request checks one
def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
