"""The errors that polyrec raises on purpose.

PolyrecError            anything below: what is wrong, what was received, what to do
├── ConfigError         a setting: unknown, of the wrong type, out of range
├── DataError           behaviour, items or features that don't fit together
│   └── MediaError      one text, image, sound or video that can't be read
├── FitError            a part can't learn from, or answer for, what it was given
├── BundleError         a bundle folder that is damaged, foreign or too new
└── ExtraError          an optional package that a part needs is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PolyrecError(Exception):
    """An error a person can act on.

    >>> raise DataError("two items share an id", received="i7", remedy="give each item its own id")
    Traceback (most recent call last):
    polyrec.errors.DataError: two items share an id: received 'i7'; give each item its own id
    """

    def __init__(self, what: str, *, received: object = None, remedy: str = "") -> None:
        self.what = what
        self.received = received
        self.remedy = remedy
        message = what if received is None else f"{what}: received {received!r}"
        super().__init__(f"{message}; {remedy}" if remedy else message)


class ConfigError(PolyrecError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(PolyrecError):
    """Behaviour, items or features don't fit together."""


class MediaError(DataError):
    """One text, image, sound or video can't be read; `status` says in one word why.

    missing, damaged, truncated, too large, wrong type, timed out, or refused (a path that leaves
    the data folder, a host that is not allowed).
    """

    def __init__(
        self, what: str, *, received: object = None, remedy: str = "", status: str = "damaged"
    ) -> None:
        super().__init__(what, received=received, remedy=remedy)
        self.status = status


class FitError(PolyrecError):
    """A part can't learn from, or answer for, what it was given."""


class BundleError(PolyrecError):
    """A bundle folder is damaged, foreign or too new."""


class ExtraError(PolyrecError):
    """An optional package that a part needs is not installed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the nearest known one, or all of them.

    >>> nearest("clap-base", ["clap", "clip"])
    "did you mean 'clap'?"
    >>> nearest("x", ["clap", "clip"])
    'known: clap, clip'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else "nothing is known here"
