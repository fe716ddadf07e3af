"""The errors that polyrec raises.

PolyrecError            any of those below: what is wrong, what was received, what to do
├── ConfigError         a setting: unknown, of the wrong type, out of range
├── DataError           interactions, items or features that are not consistent
│   ├── CombinedDataError  several of them
│   └── MediaError         one text, image, sound or video that can't be read
├── FitError            a part can't be fitted on, or applied to, its inputs
├── BundleError         a bundle folder that is damaged, of another format, or no bundle
├── ExtraError          an optional package that is needed is not installed
└── LanguageModelError  no usable answer from a language model: down, slow, refused, not as required
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class PolyrecError(Exception):
    """An error with a remedy.

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
    """Interactions, items or features are not consistent."""


class CombinedDataError(DataError):
    """Several errors in the data, raised together.

    >>> raise CombinedDataError([DataError("no user", remedy="map it"), DataError("no item")])
    Traceback (most recent call last):
    polyrec.errors.CombinedDataError: 2 errors in the data:
    - no user; map it
    - no item
    """

    def __init__(self, errors: Sequence[DataError]) -> None:
        self.errors = tuple(errors)
        lines = "".join(f"\n- {error}" for error in errors)
        super().__init__(f"{len(self.errors)} errors in the data:{lines}")


class ErrorCollector:
    """Collects `DataError`s, to raise all of them together.

    >>> collector = ErrorCollector()
    >>> with collector.catch():
    ...     raise DataError("no user")
    >>> collector.raise_any()
    Traceback (most recent call last):
    polyrec.errors.DataError: no user
    """

    def __init__(self) -> None:
        self._errors: list[DataError] = []

    @contextmanager
    def catch(self) -> Iterator[None]:
        """Collect a `DataError` of the block."""
        try:
            yield
        except CombinedDataError as error:
            self._errors.extend(error.errors)
        except DataError as error:
            self._errors.append(error)

    def raise_any(self) -> None:
        """Raise the collected errors, if any."""
        if len(self._errors) > 1:
            raise CombinedDataError(self._errors)
        if self._errors:
            raise self._errors[0]


class MediaError(DataError):
    """One text, image, sound or video can't be read.

    `status` is missing, damaged, truncated, too large, wrong type, timed out, or refused (a path
    outside the data folder, a host that is not allowed).
    """

    def __init__(
        self, what: str, *, received: object = None, remedy: str = "", status: str = "damaged"
    ) -> None:
        super().__init__(what, received=received, remedy=remedy)
        self.status = status


class FitError(PolyrecError):
    """A part can't be fitted on, or applied to, its inputs."""


class BundleError(PolyrecError):
    """A bundle folder is damaged, of another format, or no bundle."""


class ExtraError(PolyrecError):
    """An optional package that is needed is not installed."""


class LanguageModelError(PolyrecError):
    """A language model gave no usable answer.

    `status` is unavailable, timed out, refused (the key), rate limited, too long (the prompt),
    endless (the answer), invalid (the answer), private, or over budget.
    """

    def __init__(
        self, what: str, *, received: object = None, remedy: str = "", status: str = "unavailable"
    ) -> None:
        super().__init__(what, received=received, remedy=remedy)
        self.status = status


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
    return f"known: {', '.join(names)}" if names else "there are none"
