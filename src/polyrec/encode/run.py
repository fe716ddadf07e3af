"""Encode the contents of a catalogue: decode beside the model, equal contents once, cache each row.

Keys are computed and looked up in chunks. Contents that are not cached are prepared ahead, several
at a time, and embedded in batches; each batch is written to the cache as soon as it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from polyrec.artifact.feature_cache import FeatureCache
from polyrec.artifact.part_state import part_settings
from polyrec.compute.batches import Batches
from polyrec.compute.sandbox import Sandbox
from polyrec.compute.workers import cores, map_ordered
from polyrec.config import Limits
from polyrec.contracts import Encoder, FitsContents, LearnsFromDecoded
from polyrec.encode.base import PerItemEncoder, content_key
from polyrec.errors import MediaError
from polyrec.media.source import read_bytes
from polyrec.types import Embeddings, Floats, Interactions, Problem, Progress, Raw, silent

_CHUNK = 512  # contents whose keys are looked up together
_SORTED_BATCHES = 16  # batches that are sorted by length together
_LASTING = ("damaged", "truncated", "wrong type")  # cached: the same bytes fail again

Outcome: TypeAlias = Floats | Problem | None
"""What becomes of a content: its row, the problem with it, or None where there is none."""

_Prepared: TypeAlias = tuple[bytes, Any]
"""The key of a content, and what `embed` takes of it or the problem with it."""


@dataclass(frozen=True)
class EncodeContext:
    """The decoding processes, cache, workers and progress report of an encoding run."""

    sandbox: Sandbox
    cache: FeatureCache
    workers: int = 0  # 0: one per core
    progress: Progress = silent

    @property
    def limits(self) -> Limits:
        """Return what one content may cost."""
        return self.sandbox.limits


@dataclass
class Tally:
    """How many contents have a row or are missing, and the problems of the others."""

    present: int = 0
    missing: int = 0
    problems: dict[int, Problem] = field(default_factory=dict)

    @classmethod
    def of(cls, view: Embeddings) -> Self:
        """Return the counts of a view."""
        present, problems = int(view.present.sum()), dict(view.problems)
        return cls(present, len(view) - present - len(problems), problems)

    def count(self, index: int, outcome: Outcome) -> None:
        """Count one content."""
        if outcome is None:
            self.missing += 1
        elif isinstance(outcome, Problem):
            self.problems[index] = outcome
        else:
            self.present += 1


def encode_contents(
    encoder: Encoder,
    contents: Sequence[Raw | None],
    context: EncodeContext,
    *,
    stage: str = "encode",
) -> Embeddings:
    """Return one row per content.

    The rows of a `PerItemEncoder` are cached, each batch as soon as it is done: equal bytes are
    encoded once, in this run and in later ones. Other encoders get all contents at once.
    """
    if not isinstance(encoder, PerItemEncoder):
        return encoder.encode(contents)
    vectors = np.zeros((len(contents), encoder.width), np.float32)
    present = np.zeros(len(contents), bool)
    problems: dict[int, Problem] = {}
    for index, outcome in _outcomes(encoder, contents, context, stage):
        if isinstance(outcome, Problem):
            problems[index] = outcome
        elif outcome is not None:
            vectors[index], present[index] = outcome, True
    return Embeddings(vectors, present, dict(sorted(problems.items())), encoder.space)


def fill_cache(
    encoder: Encoder,
    contents: Sequence[Raw | None],
    context: EncodeContext,
    *,
    stage: str = "encode",
) -> Tally:
    """Encode contents into the cache and return their counts; memory does not grow with them."""
    if not isinstance(encoder, PerItemEncoder):
        return Tally.of(encoder.encode(contents))
    tally = Tally()
    for index, outcome in _outcomes(encoder, contents, context, stage):
        tally.count(index, outcome)
    return tally


def fit_encoder(
    encoder: Encoder,
    contents: Sequence[Raw | None],
    train: Interactions,
    context: EncodeContext,
    *,
    stage: str,
) -> None:
    """Fit an encoder that learns; one that learns from decoded contents gets them decoded."""
    if isinstance(encoder, PerItemEncoder) and isinstance(encoder, LearnsFromDecoded):
        prepared = decode_contents(encoder, contents, context, stage=stage)
        encoder.learn(prepared, train, progress=partial(context.progress, f"{stage}: train"))
    elif isinstance(encoder, FitsContents):
        encoder.fit(contents, train)


def decode_contents(
    encoder: PerItemEncoder, contents: Sequence[Raw | None], context: EncodeContext, *, stage: str
) -> list[Any]:
    """Return what `embed` takes of each content, None where there is none or it can't be read."""
    prepare, workers = _prepare_function(encoder, context), context.workers or cores()
    decoded: list[Any] = []
    for result in map_ordered(prepare, contents, workers=workers):
        decoded.append(None if isinstance(result, Problem) else result)
        context.progress(f"{stage}: decode", len(decoded), len(contents))
    return decoded


def _outcomes(
    encoder: PerItemEncoder, contents: Sequence[Raw | None], context: EncodeContext, stage: str
) -> Iterator[tuple[int, Outcome]]:
    """Yield the index and outcome of every content, in the order in which they are done."""
    waiting: dict[bytes, list[int]] = {}
    total, done, unreadable = len(contents), 0, 0
    settled: list[tuple[int, Outcome]] = []  # without a job: cached, missing, refused
    jobs = _jobs(encoder, contents, context, waiting, settled)
    for key, outcome in _run_jobs(encoder, jobs, context):
        outcomes = [*settled, *((index, outcome) for index in waiting.pop(key, ()))]
        settled.clear()
        for index, result in outcomes:
            done += 1
            unreadable += isinstance(result, Problem)
            yield index, result
        context.progress(stage, done, total, *_note(unreadable))
    context.progress(stage, total, total, *_note(unreadable))


def _note(unreadable: int) -> tuple[str, ...]:
    return (f"{unreadable} quarantined",) if unreadable else ()


class _Job(NamedTuple):
    key: bytes
    raw: Raw


_FLUSH = _Job(b"", "")
"""Ends a chunk: what is settled comes out, without waiting for the next content to be read."""


def _jobs(
    encoder: PerItemEncoder,
    contents: Sequence[Raw | None],
    context: EncodeContext,
    waiting: dict[bytes, list[int]],
    settled: list[tuple[int, Outcome]],
) -> Iterator[_Job]:
    """Yield a job per key that is not cached, and `_FLUSH` after each chunk of contents.

    `waiting` gets the indices of each key; `settled` the outcomes that need no job.
    """
    job_of = partial(_job_of, encoder.identity, encoder.sidecars, context.limits)
    indices = iter(range(len(contents)))
    while chunk := list(islice(indices, _CHUNK)):
        jobs = list(map_ordered(job_of, (contents[i] for i in chunk), workers=context.workers))
        rows = context.cache.get([job.key for job in jobs if isinstance(job, _Job)])
        for index, job in zip(chunk, jobs, strict=True):
            if not isinstance(job, _Job):
                settled.append((index, job))
            elif job.key in rows:
                settled.append((index, rows[job.key]))
            elif job.key in waiting:
                waiting[job.key].append(index)
            else:
                waiting[job.key] = [index]
                yield job
        yield _FLUSH


def _job_of(
    identity: str, sidecars: Sequence[str], limits: Limits, raw: Raw | None
) -> _Job | Problem | None:
    try:
        return None if raw is None else _Job(*content_key(raw, identity, limits, sidecars=sidecars))
    except MediaError as error:
        return Problem(error.status, str(error))


def _run_jobs(
    encoder: PerItemEncoder, jobs: Iterable[_Job], context: EncodeContext
) -> Iterator[tuple[bytes, Outcome]]:
    """Yield the outcome of each job; a batch is in the cache before it is yielded."""
    prepare = _prepare_function(encoder, context)
    batches = Batches(encoder.batch_size)
    sort = not encoder.sandboxed  # texts: those of like length together need little padding
    ahead = 2 * encoder.batch_size * (_SORTED_BATCHES if sort else 1)

    def prepare_job(job: _Job) -> _Prepared:
        return job.key, None if job is _FLUSH else prepare(job.raw)

    prepared = map_ordered(prepare_job, jobs, workers=context.workers or cores(), ahead=ahead)
    for batch in _batches(prepared, batches, sort=sort):
        if not batch:
            yield _FLUSH.key, None
            continue
        outcomes = _embed(encoder, batch, batches)
        lasting = {
            key: outcome
            for key, outcome in outcomes.items()
            if not isinstance(outcome, Problem) or outcome.status in _LASTING
        }
        context.cache.put(encoder.identity, lasting)
        yield from outcomes.items()


def _embed(
    encoder: PerItemEncoder, batch: Sequence[_Prepared], batches: Batches
) -> dict[bytes, Floats | Problem]:
    outcomes: dict[bytes, Floats | Problem] = {k: v for k, v in batch if isinstance(v, Problem)}
    keys = [key for key, _ in batch if key not in outcomes]
    arrays = [array for key, array in batch if key not in outcomes]
    if not arrays:
        return outcomes
    try:
        rows: Sequence[Floats | Problem] = list(batches.run(encoder.embed, arrays))
    except MediaError:  # one of them is too large for the memory: find out which
        rows = [_embed_alone(encoder, array) for array in arrays]
    for key, row in zip(keys, rows, strict=True):
        finite = isinstance(row, Problem) or np.isfinite(row).all()
        outcomes[key] = row if finite else encoder.unusable
    return outcomes


def _embed_alone(encoder: PerItemEncoder, array: Any) -> Floats | Problem:
    try:
        row: Floats = Batches(1).run(encoder.embed, [array])[0]
    except MediaError as error:
        return Problem(error.status, str(error))
    return row


def _batches(
    prepared: Iterable[_Prepared], batches: Batches, *, sort: bool
) -> Iterator[list[_Prepared]]:
    """Yield batches, with `sort` of like length; an empty one for each flush."""
    window: list[_Prepared] = []
    for entry in prepared:
        if entry[0] == _FLUSH.key:
            yield []
            continue
        window.append(entry)
        if len(window) >= batches.size * (_SORTED_BATCHES if sort else 1):
            yield from _cut(window, batches, sort=sort)
            window = []
    yield from _cut(window, batches, sort=sort)


def _cut(window: list[_Prepared], batches: Batches, *, sort: bool) -> Iterator[list[_Prepared]]:
    if sort:
        window.sort(key=lambda entry: -1 if isinstance(entry[1], Problem) else len(entry[1]))
    for start in range(0, len(window), batches.size):
        yield window[start : start + batches.size]


def _prepare_function(
    encoder: PerItemEncoder, context: EncodeContext
) -> Callable[[Raw | None], Any]:
    """Return a function that prepares one content; a `Problem` where it can't be read."""
    preparer = encoder.preparer
    address = f"{type(preparer).__module__}:{type(preparer).__qualname__}"
    fields = part_settings(preparer)

    def prepare(raw: Raw | None) -> Any:
        try:
            if raw is None or isinstance(raw, Problem):
                return raw
            if not encoder.sandboxed:
                return preparer.prepare(raw, context.limits)
            content = (
                raw if isinstance(raw, Path | str | bytes) else read_bytes(raw, context.limits)
            )
            return context.sandbox.prepare(address, fields, content)
        except MediaError as error:
            return Problem(error.status, str(error))

    return prepare
