"""Encode a catalogue's content, with what is cached already taken from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyrec.encode.per_item import content_key
from polyrec.store.features import FeatureCache
from polyrec.types import Embeddings, Encoder, Floats, Progress, Raw, silent

_BATCH = 64  # contents per commit: what a killed run may lose


def encode_contents(
    encoder: Encoder,
    contents: Sequence[Raw | None],
    *,
    cache: FeatureCache | None = None,
    stage: str = "encode",
    progress: Progress = silent,
) -> Embeddings:
    """Return one row per content.

    An encoder with an `identity` is cached: equal bytes are read once, in this run and in later
    ones, and each batch is kept as soon as it is done. Others encode all at once.
    """
    identity: str | None = getattr(encoder, "identity", None)
    if identity is None or cache is None:
        return encoder.encode(contents)
    keys, problems = _keys(contents, identity)
    rows: dict[bytes, Floats] = cache.get(list(set(keys.values())))
    first = {key: row for row, key in reversed(keys.items()) if key not in rows}
    waiting = sorted(first.items(), key=lambda entry: entry[1])
    why: dict[bytes, str] = {}
    for start in range(0, len(waiting), _BATCH):
        batch = waiting[start : start + _BATCH]
        made = encoder.encode([contents[row] for _, row in batch])
        fresh = {key: made.vectors[i] for i, (key, _) in enumerate(batch) if made.present[i]}
        cache.put(identity, fresh)
        rows.update(fresh)
        why.update({batch[i][0]: reason for i, reason in made.problems.items()})
        progress(stage, len(contents) - len(waiting) + start + len(batch), len(contents))
    progress(stage, len(contents), len(contents))
    problems.update({row: why[key] for row, key in keys.items() if key in why})
    found = {row: rows[key] for row, key in keys.items() if key in rows}
    return _assemble(len(contents), encoder.width, found, problems)


def _keys(contents: Sequence[Raw | None], identity: str) -> tuple[dict[int, bytes], dict[int, str]]:
    keys, problems = {}, {}
    for row, raw in enumerate(contents):
        if raw is None:
            continue
        try:
            keys[row] = content_key(raw, identity)
        except OSError as error:
            problems[row] = f"can't be opened: {error.strerror}"
    return keys, problems


def _assemble(
    count: int, width: int, rows: dict[int, Floats], problems: dict[int, str]
) -> Embeddings:
    vectors = np.zeros((count, width), np.float32)
    present = np.zeros(count, bool)
    for row, vector in rows.items():
        vectors[row], present[row] = vector, True
    return Embeddings(vectors, present, dict(sorted(problems.items())))
