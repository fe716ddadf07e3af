"""The settings of the studio data set: size, noise, damage."""

from __future__ import annotations

from dataclasses import dataclass, fields

from polyrec.errors import ConfigError

MODALITIES = ("text", "image", "audio", "video")
THEMES = 8  # shared factors
PRIVATE = 4  # further factors of each modality


@dataclass(frozen=True)
class StudioSettings:
    """The same settings generate the same bytes.

    >>> StudioSettings(items=2)
    Traceback (most recent call last):
    polyrec.errors.ConfigError: the studio data set is too small: received 'items=2'; at least 20
    """

    items: int = 600
    users: int = 2000
    seed: int = 7
    events: int = 14  # views per user, on average
    new_items: float = 0.1  # share of items released in the last tenth of the time
    missing: float = 0.1  # rate at which an item lacks a modality
    damaged: float = 0.02  # rate at which a media file is broken
    noise: float = 0.15  # share of views that taste does not drive
    chinese: float = 0.25  # share of items whose text is Chinese

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, least in (("items", 20), ("users", 10), ("events", 3)):
            if getattr(self, name) < least:
                received = f"{name}={getattr(self, name)}"
                remedy = f"at least {least}"
                raise ConfigError(
                    "the studio data set is too small", received=received, remedy=remedy
                )
        for field in fields(self):
            rate = getattr(self, field.name)
            if isinstance(rate, float) and not 0 <= rate <= 0.9:
                received = f"{field.name}={rate}"
                raise ConfigError("a rate is out of range", received=received, remedy="0 to 0.9")
