"""How a service runs."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What `polyrec serve` is told; the defaults suit one machine."""

    bundle: Path
    database: str = "sqlite:///polyrec.sqlite"
    host: str = "127.0.0.1"
    port: int = 8087
    workers: int = 1
    default_n: int = 10  # items of a list where nobody says
    max_n: int = 10_000  # items, users or feedbacks of one list or page
    max_queries: int = 1_000  # users and histories of one batch
    cached_histories: int = 50_000  # users whose history is held in memory
    max_history: int = 2_000  # latest feedbacks of a user that are read
    max_body_mb: float = 16.0  # of one request
    body_timeout_s: float = 60.0  # for all of it to arrive
    max_pending_writes: int = 10_000  # writes that may wait for the database
    popularity_events: int = 20_000  # events of the log that say what is popular
    half_life_days: float = 7.0  # after which an event says half as much about popularity
    max_upload_mb: float = 64.0  # of one uploaded content
    max_computations: int = 2  # searches and explanations at once in one worker
    decode_timeout_s: float = 20.0  # to decode one uploaded content
    media: Path | None = None  # the folder of uploaded files; None: beside the database
    refit_hours: float = 0.0  # a new bundle is trained this often; 0: only when told
    retry_after_s: int = 1  # after which a client that was turned away may try again
    require_keys: bool | None = None  # whether requests need a key; None: unless bound to loopback
    requests_per_second: float = 0.0  # requests of one key and worker; 0: as many as it likes
    max_requests: int = 512  # requests under way in one worker; more are turned away
    cors_origins: tuple[str, ...] = ()  # of other sites whose pages may ask (CORS); none by default
    allowed_hosts: tuple[str, ...] = ()  # names that requests may call the service by; none: any

    @property
    def requires_key(self) -> bool:
        """Return whether requests need a key."""
        return not is_loopback(self.host) if self.require_keys is None else self.require_keys

    @property
    def media_folder(self) -> Path:
        """Return where uploaded files lie: beside an SQLite file, else in `polyrec.media`."""
        if self.media is not None:
            return self.media
        scheme, _, file = self.database.partition(":///")
        if not scheme.startswith("sqlite") or not file:
            return Path("polyrec.media")
        return Path(f"{file.partition('?')[0]}.media")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
