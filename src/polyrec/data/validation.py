"""The counts of a data set, and findings: what to fix or to know about it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from polyrec.data.sorting import unique_sorted
from polyrec.registry import load_object
from polyrec.types import NO_TIME, Finding, FindingLevel, Interactions, Ints

if TYPE_CHECKING:
    from polyrec.data.load import Dataset

_EXAMPLES = 5
_LOG = logging.getLogger(__name__)


def finding_for(
    level: FindingLevel, what: str, cases: Iterable[object], remedy: str = ""
) -> list[Finding]:
    """Return a finding that counts the cases and shows the first few; nothing without cases."""
    examples: list[str] = []
    count = 0
    for case in cases:
        count += 1
        if len(examples) < _EXAMPLES:
            examples.append(str(case))
    return [Finding(level, what, count, tuple(examples), remedy)] if count else []


@dataclass(frozen=True)
class Validation:
    """Counts of a data set and its findings."""

    counts: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether there is no error."""
        return all(finding.level != "error" for finding in self.findings)

    def with_findings(self, more: Sequence[Finding]) -> Validation:
        """Return a copy with more findings."""
        return replace(self, findings=(*self.findings, *more))

    def log(self) -> None:
        """Log the findings: errors and warnings first, notes as information."""
        levels = {"error": logging.ERROR, "warning": logging.WARNING, "note": logging.INFO}
        for finding in sorted(self.findings, key=lambda finding: -levels[finding.level]):
            _LOG.log(levels[finding.level], "%s", finding)

    def _repr_html_(self) -> str:
        return str(load_object("polyrec.notebook.html:validation_html")(self))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"ok": self.ok, **self.counts, "findings": [asdict(f) for f in self.findings]}


def dataset_counts(dataset: Dataset) -> dict[str, Any]:
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


def _pairs(part: Interactions) -> Ints:
    return unique_sorted(part.users * part.shape[1] + part.items)


def _kinds(dataset: Dataset, parts: Sequence[Interactions]) -> dict[str, int]:
    counts = np.bincount(np.concatenate([p.kinds for p in parts]), minlength=len(dataset.kinds))
    return {name: int(counts[i]) for i, name in enumerate(dataset.kinds)}


def _day(second: int) -> str:
    return datetime.fromtimestamp(int(second), UTC).isoformat()


def check_behaviour(dataset: Dataset) -> list[Finding]:
    """Return findings about the interactions of a split data set."""
    train = dataset.train
    active = np.zeros(len(dataset.users), bool)
    active[train.users] = True
    touched = np.zeros(len(dataset.catalog), bool)
    touched[train.items] = True
    users, ids = dataset.users, dataset.catalog.ids
    idle, cold = np.flatnonzero(~active), np.flatnonzero(~touched)
    return [
        *finding_for("note", "users without train events", (users[i] for i in idle),
                     "they get popular items"),
        *finding_for("note", "items without train events", (ids[i] for i in cold),
                     "models that read content can still recommend them"),
        *_leaks(dataset),
    ]  # fmt: skip


def _leaks(dataset: Dataset) -> list[Finding]:
    parts = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    codes = {name: _pairs(part) for name, part in parts.items()}
    findings = []
    for first, second in (("train", "valid"), ("train", "test"), ("valid", "test")):
        position = np.searchsorted(codes[first], codes[second])
        inside = position < len(codes[first])
        equal = codes[first][position[inside]] == codes[second][inside]
        shared = codes[second][inside][equal]
        width = dataset.train.shape[1]
        pairs = (f"{dataset.users[c // width]} {dataset.catalog.ids[c % width]}" for c in shared)
        what = f"user-item pairs in both {first} and {second}"
        findings += finding_for("error", what, pairs, "split by pairs: set data.split.use")
    return findings
