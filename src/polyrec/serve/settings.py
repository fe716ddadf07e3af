"""How a service runs."""

from __future__ import annotations

from dataclasses import dataclass
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
    most: int = 10_000  # items, users or feedbacks of one list or page
    most_queries: int = 1_000  # users and histories of one batch
    histories: int = 50_000  # users whose history is held in memory
    longest: int = 2_000  # latest feedbacks of a user that are read
    body_mb: float = 16.0  # of one request
    waiting: int = 10_000  # writes that may wait for the database
    recent: int = 20_000  # events of the log that say what is popular
    half_life_days: float = 7.0  # after which an event says half as much about popularity
    read_types: tuple[str, ...] = ("read",)  # feedback that says "seen", and nothing more
    retry_s: int = 1  # after which a client that was turned away may try again
