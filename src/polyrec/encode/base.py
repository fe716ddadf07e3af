"""What all encoders share, and what those share that encode each content by itself.

Encoding a content has two halves. `prepare` decodes it to an array: a decoder may hang or crash, so
a run decodes in separate processes. `embed` turns a batch of such arrays into rows: this is where a
model computes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from polyrec.artifact.part_state import part_settings
from polyrec.compute.batches import Batches
from polyrec.config import Limits
from polyrec.contracts import BasePart
from polyrec.errors import MediaError
from polyrec.media.source import open_content, read_bytes
from polyrec.types import Embeddings, Floats, Problem, Raw

NOT_FINITE = Problem("damaged", "features are not finite")


class BaseEncoder(BasePart):
    """An encoder under polyrec's own licence whose rows lie in a space of their own."""

    sample_files: ClassVar[Mapping[str, str]] = {}
    """Setting -> kind of file that it names: tests supply one beside the settings `small`."""

    search_weight: ClassVar[float] = 0.02
    """Low: rows that were learned from the catalogue find little that its words don't find."""

    @property
    def space(self) -> str:
        """Return the name of the space that the rows share with those of other encoders, or ""."""
        return ""

    def card(self) -> Mapping[str, Any]:
        """Return where the encoder comes from and on what terms."""
        return {"name": type(self).__name__, "licence": "Apache-2.0", "trained": False}


class Preparer(Protocol):
    """A dataclass that decodes contents; a decoding process makes it again from its fields."""

    def prepare(self, raw: Raw, limits: Limits) -> Any:
        """Return what `embed` takes of one content, or raise `MediaError`."""


class PerItemEncoder(BaseEncoder):
    """An encoder that prepares contents one by one and embeds them in batches.

    A simple one implements `encode_one` alone.
    """

    unusable: ClassVar[Problem] = NOT_FINITE
    """Why a content is absent whose row has a value that is not finite."""

    version: ClassVar[int] = 1
    """Raise it when the same bytes become another row: it is part of the cache key."""

    runtime_settings: ClassVar[tuple[str, ...]] = ("device", "batch")
    """Settings that leave the rows as they are: no part of the cache key."""

    sandboxed: ClassVar[bool] = True
    """Whether contents are prepared in separate processes, because a decoder may hang or crash."""

    sidecars: ClassVar[tuple[str, ...]] = ()
    """Suffixes of files of the same name that are read along with a content."""

    @property
    def width(self) -> int:
        """Return d."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int:
        """Return how many contents `embed` takes at once."""
        return 64

    @property
    def preparer(self) -> Preparer:
        """Return what decodes contents: this encoder, or an object that is lighter to make."""
        return self

    def encode_one(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (d,) row of one content, or raise `MediaError`."""
        raise NotImplementedError

    def prepare(self, raw: Raw, limits: Limits) -> Any:
        """Return what `embed` takes of one content, or raise `MediaError`."""
        return self.encode_one(raw, limits)

    def embed(self, prepared: Sequence[Any]) -> Floats:
        """Return (b, d) rows of prepared contents."""
        return np.stack(prepared)

    @property
    def identity(self) -> str:
        """Return the part of the cache key that stands for the encoder: name, version, settings."""
        lasting = {k: v for k, v in part_settings(self).items() if k not in self.runtime_settings}
        return f"{type(self).__name__} {self.version} {json.dumps(lasting, sort_keys=True)}"

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per content; what can't be read is absent, with the reason.

        Decodes in this process, one content after the other. `encode.run` is for whole catalogues.
        """
        vectors = np.zeros((len(contents), self.width), np.float32)
        present = np.zeros(len(contents), bool)
        prepared, problems = prepare_contents(self, contents)
        batches = Batches(self.batch_size)
        for start in range(0, len(prepared), self.batch_size):
            batch = prepared[start : start + self.batch_size]
            rows = batches.run(self.embed, [array for _, array in batch])
            for (index, _), row in zip(batch, rows, strict=True):
                if np.isfinite(row).all():
                    vectors[index], present[index] = row, True
                else:
                    problems[index] = self.unusable
        return Embeddings(vectors, present, problems, self.space)


def prepare_contents(
    encoder: PerItemEncoder, contents: Sequence[Raw | None]
) -> tuple[list[tuple[int, Any]], dict[int, Problem]]:
    """Return (index, prepared content) of those that can be read, and the problems of others."""
    prepared, problems = [], {}
    limits = Limits()
    for index, raw in enumerate(contents):
        if raw is None:
            continue
        try:
            if isinstance(raw, Problem):
                raise MediaError(raw.reason, status=raw.status)
            prepared.append((index, encoder.preparer.prepare(raw, limits)))
        except MediaError as error:
            problems[index] = Problem(error.status, str(error))
    return prepared, problems


def content_key(
    raw: Raw, identity: str, limits: Limits, *, sidecars: Sequence[str] = ()
) -> tuple[bytes, Raw]:
    """Return the sha256 of a content's bytes and its encoder's identity, and the content.

    A path stays a path; what can be read only once comes back as bytes. `sidecars` are suffixes of
    files of the same name whose bytes count too.
    """
    if isinstance(raw, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(raw).data)
    elif isinstance(raw, Path):
        with open_content(raw, limits) as file:
            digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
        for sidecar in (raw.with_suffix(suffix) for suffix in sidecars):
            if sidecar.is_file():
                with open_content(sidecar, limits) as file:
                    digest.update(sidecar.suffix.encode() + file.read())
    elif isinstance(raw, str):
        # no more of the text than encoders read
        digest = hashlib.sha256(raw[: limits.max_characters].encode("utf-8", "surrogatepass"))
    else:
        raw = read_bytes(raw, limits)
        digest = hashlib.sha256(raw)
    return hashlib.sha256(identity.encode() + b"\0" + digest.digest()).digest(), raw
