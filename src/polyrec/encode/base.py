"""What encoders share that make a row of each content by itself.

Reading a content has two halves. `prepare` decodes it to an array: that may hang or die, so a run
does it in a process of its own. `embed` makes rows of a batch of such arrays: that is where a model
computes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from polyrec.artifact.part_state import part_settings
from polyrec.compute.batches import Batches
from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.source import held, opened
from polyrec.types import Embeddings, Floats, Problem, Raw


class PerItem:
    """An encoder that says how one content becomes an array, and a batch of arrays rows.

    The plain form, `describe`, makes the row at once.
    """

    version: ClassVar[int] = 1  # raise it when the same bytes become another row
    elsewhere: ClassVar[tuple[str, ...]] = ("device", "batch")  # settings that leave rows the same
    isolated: ClassVar[bool] = True  # decode in a process of its own
    beside: ClassVar[tuple[str, ...]] = ()  # endings of files read beside a content's own

    @property
    def width(self) -> int:
        """Return d."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int:
        """Return how many contents `embed` takes at once."""
        return 64

    @property
    def preparer(self) -> Any:
        """Return the dataclass whose `prepare(raw, limits)` decodes: this one, or a lighter one."""
        return self

    def describe(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (d,) row of one content, or raise `MediaError`."""
        raise NotImplementedError

    def prepare(self, raw: Raw, limits: Limits) -> Any:
        """Return what `embed` takes of one content, or raise `MediaError`."""
        return self.describe(raw, limits)

    def embed(self, prepared: Sequence[Any]) -> Floats:
        """Return (b, d) rows of prepared contents."""
        return np.stack(prepared)

    @property
    def identity(self) -> str:
        """Return what tells this encoder from all others: name, version, settings."""
        kept = {k: v for k, v in part_settings(self).items() if k not in self.elsewhere}
        told = json.dumps(kept, sort_keys=True)
        return f"{type(self).__name__} {self.version} {told}"

    def card(self) -> Mapping[str, Any]:
        """Return where the encoder comes from and on what terms."""
        return {"name": type(self).__name__, "licence": "Apache-2.0", "trained": False}

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per content; what can't be read is absent, with the reason.

        Decodes in this process: made for a few contents. A catalogue goes through `encode.run`.
        """
        vectors = np.zeros((len(contents), self.width), np.float32)
        present = np.zeros(len(contents), bool)
        ready, problems = prepare_here(self, contents)
        batches = Batches(self.batch_size)
        for start in range(0, len(ready), self.batch_size):
            some = ready[start : start + self.batch_size]
            made = batches.run(self.embed, [array for _, array in some])
            for (row, _), vector in zip(some, made, strict=True):
                if np.isfinite(vector).all():
                    vectors[row], present[row] = vector, True
                else:
                    problems[row] = NOT_FINITE
        return Embeddings(vectors, present, problems, getattr(self, "space", ""))


NOT_FINITE = Problem("damaged", "features that are not finite")


def prepare_here(
    encoder: PerItem, contents: Sequence[Raw | None]
) -> tuple[list[tuple[int, Any]], dict[int, Problem]]:
    """Return the contents that could be prepared, with their rows, and why others could not."""
    ready, problems = [], {}
    limits = Limits()
    for row, raw in enumerate(contents):
        if raw is None:
            continue
        try:
            if isinstance(raw, Problem):
                raise MediaError(raw.reason, status=raw.status)
            ready.append((row, encoder.preparer.prepare(raw, limits)))
        except MediaError as error:
            problems[row] = Problem(error.status, str(error))
    return ready, problems


def content_key(
    raw: Raw, identity: str, limits: Limits, *, beside: Sequence[str] = ()
) -> tuple[bytes, Raw]:
    """Return the sha256 of a content's bytes and of what reads them, and the content.

    A path stays a path; what can be read only once comes back as bytes. Files of the same name with
    the endings `beside` count too.
    """
    if isinstance(raw, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(raw).data)
    elif isinstance(raw, Path):
        with opened(raw, limits) as file:
            digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
        for other in (raw.with_suffix(ending) for ending in beside):
            if other.is_file():
                with opened(other, limits) as file:
                    digest.update(other.suffix.encode() + file.read())
    elif isinstance(raw, str):
        # as much of it as is read
        digest = hashlib.sha256(raw[: limits.max_characters].encode("utf-8", "surrogatepass"))
    else:
        raw = held(raw, limits)
        digest = hashlib.sha256(raw)
    return hashlib.sha256(identity.encode() + b"\0" + digest.digest()).digest(), raw
