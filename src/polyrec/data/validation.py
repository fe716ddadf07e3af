"""What was found while reading: counts, and everything a person should know or mend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from polyrec.types import NO_TIME, Dataset, Interactions, Ints

_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was found: errors must be mended, warnings known, notes are for interest."""

    level: Literal["error", "warning", "note"]
    what: str
    count: int
    examples: tuple[str, ...] = ()
    remedy: str = ""


def finding(
    level: Literal["error", "warning", "note"], what: str, where: Iterable[object], remedy: str = ""
) -> list[Finding]:
    """Return a finding with the first few of the things concerned, or none if there are none."""
    examples: list[str] = []
    number = 0
    for thing in where:
        number += 1
        if len(examples) < _EXAMPLES:
            examples.append(str(thing))
    return [Finding(level, what, number, tuple(examples), remedy)] if number else []


@dataclass(frozen=True)
class Validation:
    """Counts of a data set and its findings."""

    counts: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing has to be mended."""
        return all(found.level != "error" for found in self.findings)

    def with_findings(self, more: Sequence[Finding]) -> Validation:
        """Return the same with further findings."""
        return replace(self, findings=(*self.findings, *more))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"ok": self.ok, **self.counts, "findings": [asdict(f) for f in self.findings]}


def count(dataset: Dataset) -> dict[str, Any]:
    """Return the counts of a data set."""
    parts = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    users, items = len(dataset.users), len(dataset.catalog)
    total = sum(map(len, parts.values()))
    times = np.concatenate([part.times for part in parts.values()])
    times = times[times != NO_TIME]
    return {
        "users": users,
        "items": items,
        "events": total,
        "density": sum(len(_pairs(part)) for part in parts.values()) / max(1, users * items),
        "splits": {name: len(part) for name, part in parts.items()},
        "kinds": _kinds(dataset, list(parts.values())),
        "time_range": [_day(times.min()), _day(times.max())] if len(times) else None,
        "content": {
            name: sum(raw is not None for raw in contents)
            for name, contents in dataset.catalog.contents.items()
        },
    }


def distinct(codes: Ints) -> Ints:
    """Return the different codes, ascending; `np.unique` takes some ten times as long."""
    ordered = np.sort(codes)
    return ordered[np.diff(ordered, prepend=-1) > 0] if len(ordered) else ordered


def _pairs(part: Interactions) -> Ints:
    return distinct(part.users * part.shape[1] + part.items)


def _kinds(dataset: Dataset, parts: Sequence[Interactions]) -> dict[str, int]:
    counts = np.bincount(np.concatenate([p.kinds for p in parts]), minlength=len(dataset.kinds))
    return {name: int(counts[i]) for i, name in enumerate(dataset.kinds)}


def _day(second: int) -> str:
    return datetime.fromtimestamp(int(second), UTC).isoformat()


def behaviour(dataset: Dataset) -> list[Finding]:
    """Return what is odd about the behaviour of a split data set."""
    train = dataset.train
    active = np.zeros(len(dataset.users), bool)
    active[train.users] = True
    touched = np.zeros(len(dataset.catalog), bool)
    touched[train.items] = True
    name = dataset.users
    ids = dataset.catalog.ids
    return [
        *finding("note", "users without train events", (name[i] for i in np.flatnonzero(~active)),
                 "they are served what is popular"),
        *finding("note", "items without train events", (ids[i] for i in np.flatnonzero(~touched)),
                 "models that read content can still recommend them"),
        *_leaks(dataset),
    ]  # fmt: skip


def _leaks(dataset: Dataset) -> list[Finding]:
    parts = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    codes = {name: _pairs(part) for name, part in parts.items()}
    found = []
    for first, second in (("train", "valid"), ("train", "test"), ("valid", "test")):
        place = np.searchsorted(codes[first], codes[second])
        inside = place < len(codes[first])
        known = codes[first][place[inside]] == codes[second][inside]
        shared = codes[second][inside][known]
        width = dataset.train.shape[1]
        pairs = (f"{dataset.users[c // width]} {dataset.catalog.ids[c % width]}" for c in shared)
        what = f"user-item pairs in both {first} and {second}"
        found += finding("error", what, pairs, "split by pairs: set data.split.use")
    return found
