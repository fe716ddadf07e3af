"""Encode a catalogue's content: decoded beside the model, each content once, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from polyrec.artifact.feature_cache import FeatureCache
from polyrec.artifact.part_state import part_settings
from polyrec.compute.batches import Batches
from polyrec.compute.sandbox import Sandbox
from polyrec.compute.workers import cores, map_ordered
from polyrec.config import Limits
from polyrec.contracts import Encoder
from polyrec.encode.base import NOT_FINITE, PerItem, content_key
from polyrec.errors import MediaError
from polyrec.media.source import held
from polyrec.types import Embeddings, Floats, Interactions, Problem, Progress, Raw, silent

_CHUNK = 512  # contents whose keys are looked up together
_SORTED = 16  # batches among which contents of like size are put together
_LASTING = ("damaged", "truncated", "wrong type")  # as long as the bytes are the same

Outcome = Floats | Problem | None


@dataclass(frozen=True)
class Work:
    """Where encoding happens: decoding processes, cache, workers, and who hears of progress."""

    sandbox: Sandbox
    cache: FeatureCache
    workers: int = 0  # 0: one per core
    progress: Progress = silent

    @property
    def limits(self) -> Limits:
        """Return what one content may cost."""
        return self.sandbox.limits


class _Job(NamedTuple):
    key: bytes
    raw: Raw


_TICK = _Job(b"", "")


@dataclass
class Tally:
    """How many contents were there, could not be read, or are missing."""

    present: int = 0
    missing: int = 0
    problems: dict[int, Problem] = field(default_factory=dict)

    @classmethod
    def of(cls, view: Embeddings) -> Self:
        """Return the count of a view."""
        present, problems = int(view.present.sum()), dict(view.problems)
        return cls(present, len(view) - present - len(problems), problems)

    def count(self, row: int, outcome: Outcome) -> None:
        """Count one content."""
        if outcome is None:
            self.missing += 1
        elif isinstance(outcome, Problem):
            self.problems[row] = outcome
        else:
            self.present += 1


def encode_contents(
    encoder: Encoder, contents: Sequence[Raw | None], work: Work, *, stage: str = "encode"
) -> Embeddings:
    """Return one row per content.

    An encoder that makes rows one by one (`PerItem`) is cached: equal bytes are read once, in this
    run and in later ones, and each batch is kept as soon as it is done. Others encode all at once.
    """
    if not isinstance(encoder, PerItem):
        return encoder.encode(contents)
    vectors = np.zeros((len(contents), encoder.width), np.float32)
    present = np.zeros(len(contents), bool)
    problems: dict[int, Problem] = {}
    for row, outcome in outcomes(encoder, contents, work, stage=stage):
        if isinstance(outcome, Problem):
            problems[row] = outcome
        elif outcome is not None:
            vectors[row], present[row] = outcome, True
    space = getattr(encoder, "space", "")
    return Embeddings(vectors, present, dict(sorted(problems.items())), space)


def fill_cache(
    encoder: Encoder, contents: Sequence[Raw | None], work: Work, *, stage: str = "encode"
) -> Tally:
    """Encode into the cache and return the count: memory stays flat, whatever the catalogue."""
    if not isinstance(encoder, PerItem):
        return Tally.of(encoder.encode(contents))
    tally = Tally()
    for row, outcome in outcomes(encoder, contents, work, stage=stage):
        tally.count(row, outcome)
    return tally


def fit_encoder(
    encoder: Any, contents: Sequence[Raw | None], train: Interactions, work: Work, *, stage: str
) -> None:
    """Fit an encoder that learns; one that learns from decoded content gets it decoded."""
    if hasattr(encoder, "learn"):
        ready = decode(encoder, contents, work, stage=stage)
        report = partial(work.progress, f"{stage}: train")
        encoder.learn(ready, train, progress=report)
    elif hasattr(encoder, "fit"):
        encoder.fit(contents, train)


def decode(
    encoder: PerItem, contents: Sequence[Raw | None], work: Work, *, stage: str
) -> list[Any]:
    """Return what an encoder's network takes of each content, None where nothing can be read."""
    ready: list[Any] = [None] * len(contents)
    for row, made in enumerate(_prepared(encoder, contents, work)):
        ready[row] = None if isinstance(made, Problem) else made
        work.progress(f"{stage}: decode", row + 1, len(contents))
    return ready


def card_of(encoder: Encoder) -> Mapping[str, Any]:
    """Return where an encoder comes from and on what terms."""
    if hasattr(encoder, "card"):
        told: Mapping[str, Any] = encoder.card()
        return told
    return {"name": type(encoder).__name__, "licence": "Apache-2.0", "trained": False}


def outcomes(
    encoder: PerItem, contents: Sequence[Raw | None], work: Work, *, stage: str = "encode"
) -> Iterator[tuple[int, Outcome]]:
    """Yield every row with its vector, its problem or None, in the order in which they are done."""
    waiting: dict[bytes, list[int]] = {}
    total, done, bad = len(contents), 0, 0
    # a job may find rows that need no work: they come out beside it
    ready: list[tuple[int, Outcome]] = []
    jobs = _jobs(encoder, contents, work, waiting, ready)
    for key, outcome in _work_off(encoder, jobs, work):
        found = [(row, outcome) for row in waiting.pop(key, ())]
        for row, what in chain(_drain(ready), found):
            done += 1
            bad += isinstance(what, Problem)
            yield row, what
        work.progress(stage, done, total, *_note(bad))
    work.progress(stage, total, total, *_note(bad))


def _note(bad: int) -> tuple[str, ...]:
    return (f"{bad} quarantined",) if bad else ()


def _drain(ready: list[tuple[int, Outcome]]) -> list[tuple[int, Outcome]]:
    found = ready[:]
    ready.clear()
    return found


def _jobs(
    encoder: PerItem,
    contents: Sequence[Raw | None],
    work: Work,
    waiting: dict[bytes, list[int]],
    ready: list[tuple[int, Outcome]],
) -> Iterator[_Job]:
    """Yield what has to be read, once per key; all other rows are put into `ready`.

    After each chunk comes a tick, so that what is ready needn't wait for something to read.
    """
    identity = encoder.identity

    def keyed(raw: Raw | None) -> _Job | Problem | None:
        try:
            return (
                None
                if raw is None
                else _Job(*content_key(raw, identity, work.limits, beside=encoder.beside))
            )
        except MediaError as error:
            return Problem(error.status, str(error))

    rows = iter(range(len(contents)))
    while some := list(islice(rows, _CHUNK)):
        jobs = list(map_ordered(keyed, (contents[row] for row in some), workers=work.workers))
        known = work.cache.get([job.key for job in jobs if isinstance(job, _Job)])
        for row, job in zip(some, jobs, strict=True):
            if not isinstance(job, _Job):
                ready.append((row, job))
            elif job.key in known:
                ready.append((row, known[job.key]))
            elif job.key in waiting:
                waiting[job.key].append(row)
            else:
                waiting[job.key] = [row]
                yield job
        yield _TICK


def _work_off(
    encoder: PerItem, jobs: Iterable[_Job], work: Work
) -> Iterator[tuple[bytes, Outcome]]:
    """Yield what became of each job; each batch is in the cache before it is told."""
    read = _reader(encoder, work)
    batches = Batches(encoder.batch_size)
    ahead = 2 * encoder.batch_size * (_SORTED if not encoder.isolated else 1)

    def prepare(job: _Job) -> tuple[bytes, Any]:
        return job.key, None if job is _TICK else read(job.raw)

    prepared = map_ordered(prepare, jobs, workers=work.workers or cores(), ahead=ahead)
    for batch in _batches(prepared, batches, sort=not encoder.isolated):
        if not batch:
            yield _TICK.key, None
            continue
        made = _embed(encoder, batch, batches)
        kept = {
            key: row
            for key, row in made.items()
            if not isinstance(row, Problem) or row.status in _LASTING
        }
        work.cache.put(encoder.identity, kept)
        yield from made.items()


def _embed(
    encoder: PerItem, batch: Sequence[tuple[bytes, Any]], batches: Batches
) -> dict[bytes, Floats | Problem]:
    made: dict[bytes, Floats | Problem] = {k: v for k, v in batch if isinstance(v, Problem)}
    keys = [key for key, _ in batch if key not in made]
    arrays = [array for key, array in batch if key not in made]
    if not arrays:
        return made
    try:
        rows: Sequence[Floats | Problem] = list(batches.run(encoder.embed, arrays))
    except MediaError as error:  # one of them fills the memory: each by itself
        rows = [_alone(encoder, array, error) for array in arrays]
    for key, row in zip(keys, rows, strict=True):
        bad = not isinstance(row, Problem) and not np.isfinite(row).all()
        made[key] = NOT_FINITE if bad else row
    return made


def _alone(encoder: PerItem, array: Any, error: MediaError) -> Floats | Problem:
    try:
        row: Floats = Batches(1).run(encoder.embed, [array])[0]
    except MediaError:
        return Problem(error.status, str(error))
    return row


def _batches(
    prepared: Iterable[tuple[bytes, Any]], batches: Batches, *, sort: bool
) -> Iterator[list[tuple[bytes, Any]]]:
    """Yield batches; of texts, those of like length together, so that little is padded.

    A tick comes out as an empty batch.
    """
    window: list[tuple[bytes, Any]] = []
    for entry in prepared:
        if entry[0] == _TICK.key:
            yield []
            continue
        window.append(entry)
        if len(window) >= batches.size * (_SORTED if sort else 1):
            yield from _cut(window, batches, sort=sort)
            window = []
    yield from _cut(window, batches, sort=sort)


def _cut(
    window: list[tuple[bytes, Any]], batches: Batches, *, sort: bool
) -> Iterator[list[tuple[bytes, Any]]]:
    if sort:
        window.sort(key=lambda entry: -1 if isinstance(entry[1], Problem) else len(entry[1]))
    for start in range(0, len(window), batches.size):
        yield window[start : start + batches.size]


def _prepared(encoder: PerItem, contents: Sequence[Raw | None], work: Work) -> Iterator[Any]:
    read = _reader(encoder, work)
    yield from map_ordered(
        lambda raw: None if raw is None else read(raw), contents, workers=work.workers or cores()
    )


def _reader(encoder: PerItem, work: Work) -> Callable[[Raw], Any]:
    """Return what prepares one content: a `Problem` where it can't be read."""
    part = encoder.preparer
    address = f"{type(part).__module__}:{type(part).__qualname__}"
    told: Mapping[str, Any] = part_settings(part)

    def read(raw: Raw) -> Any:
        try:
            if isinstance(raw, Problem):
                return raw
            if not encoder.isolated:
                return part.prepare(raw, work.limits)
            plain = raw if isinstance(raw, Path | str | bytes) else held(raw, work.limits)
            return work.sandbox.prepare(address, told, plain)
        except MediaError as error:
            return Problem(error.status, str(error))

    return read
