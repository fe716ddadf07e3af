"""Read the content of items that came or changed while the service runs, as training read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from polyrec.artifact import part_state
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.feature_cache import FeatureCache
from polyrec.compute.sandbox import Sandbox
from polyrec.contracts import Encoder
from polyrec.database.item_media import KEPT, ItemFeature
from polyrec.encode.base import PerItemEncoder
from polyrec.encode.run import EncodeContext, encode_contents
from polyrec.serve.background import warmup_samples
from polyrec.types import Embeddings, Floats, Problem, Raw, Views

MODALITIES = ("text", "image", "audio", "video")
"""What may be uploaded. Ready feature rows may not: nobody could tell where they are from."""


class ItemContents(NamedTuple):
    """What an item has: content name -> content, None for nothing.

    What is not named is as the bundle has it.
    """

    item_id: str
    revision: int
    contents: Mapping[str, Raw | None]


class _NoCache(FeatureCache):
    """Remembers nothing: what is read here is kept in the database."""

    def __init__(self) -> None:  # no file is opened
        pass

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats | Problem]:  # noqa: ARG002
        return {}

    def put(self, identity: str, rows: Mapping[bytes, Floats | Problem]) -> None:
        pass


@dataclass
class ItemEncoder:
    """The encoders of one bundle, decoding in processes of their own; any thread may ask."""

    bundle: Bundle
    sandbox: Sandbox
    encoder_digests: Mapping[str, str] = field(init=False)  # view -> digest of its fitted encoder
    is_warm: bool = field(default=False, init=False)  # whether its encoders were loaded

    def __post_init__(self) -> None:
        encoders = self.bundle.parts.encoders
        self.encoder_digests = {
            n: _maker(e) for n, e in encoders.items() if e.modality in MODALITIES
        }

    def content_name(self, view: str) -> str:
        """Return the name of the content that a view's encoder reads."""
        part = self.bundle.config.encode.get(view)
        return (part.content if part else None) or view

    def read(self, items: Sequence[ItemContents]) -> dict[str, list[ItemFeature]]:
        """Return item -> what its content became, one feature per view."""
        try:
            return self._read(items)
        except OSError:  # the machine's fault, not the content's: it is tried again
            raise
        except Exception as error:  # noqa: BLE001 - one bad content must not hold up the queue
            if len(items) > 1:  # one of them is to blame
                return {k: v for item in items for k, v in self.read([item]).items()}
            told = Problem("damaged", str(error) or type(error).__name__)
            item = items[0]
            return {
                item.item_id: [
                    _feature(item, v, m, None, told) for v, m in self.encoder_digests.items()
                ]
            }

    def warm_up(self) -> None:
        """Load the encoders and start the decoders, so that the first upload doesn't wait for it.

        Those that read videos load with the first one.
        """
        self.is_warm = True  # what can't be loaded now says so to whoever uploads
        small: dict[str, Raw] = {
            "text": "a",
            "image": warmup_samples.grey_png(),
            "audio": warmup_samples.silent_wav(),
        }
        for view in self.encoder_digests:
            modality = self.bundle.parts.encoders[view].modality
            if modality in small:
                self.encode_view(view, [small[modality]])

    def encode_view(self, view: str, contents: Sequence[Raw | None]) -> Embeddings:
        """Return the rows that a view's encoder makes of contents, as far as they can be read."""
        context = EncodeContext(self.sandbox, _NoCache(), workers=2)
        return encode_contents(self.bundle.parts.encoders[view], contents, context)

    def views(self, found: Mapping[str, Mapping[str, ItemFeature]]) -> tuple[list[str], Views]:
        """Return the items that have any content, and their views, aligned and fused."""
        ids = list(found)
        encoded = {}
        for name, encoder in self.bundle.parts.encoders.items():
            vectors = np.zeros((len(ids), encoder.width), np.float32)
            present = np.zeros(len(ids), bool)
            for row, item_id in enumerate(ids):
                feature = found[item_id].get(name)
                if feature is not None and feature.vector is not None:
                    vectors[row], present[row] = feature.vector, True
            encoded[name] = Embeddings(vectors, present, space=encoder.space)
        aligned = {
            name: self._with_kept(name, view, found)
            for name, view in self.bundle.parts.aligner.align(encoded).items()
        }
        held = np.any([view.present for view in aligned.values()], axis=0)
        if not np.any(held):
            return [], {}
        some = {name: view.take(held) for name, view in aligned.items()}
        kept = [item_id for item_id, there in zip(ids, np.atleast_1d(held), strict=True) if there]
        return kept, self.bundle.parts.impute_and_fuse(some)

    def _read(self, items: Sequence[ItemContents]) -> dict[str, list[ItemFeature]]:
        found: dict[str, list[ItemFeature]] = {item.item_id: [] for item in items}
        for view, maker in self.encoder_digests.items():
            name = self.content_name(view)
            made = self.encode_view(view, [item.contents.get(name) for item in items])
            for row, item in enumerate(items):
                problem = made.problems.get(row)
                if name not in item.contents:
                    problem = Problem(KEPT, "")
                vector = made.vectors[row] if made.present[row] else None
                found[item.item_id].append(_feature(item, view, maker, vector, problem))
        return found

    def _with_kept(
        self, name: str, view: Embeddings, found: Mapping[str, Mapping[str, ItemFeature]]
    ) -> Embeddings:
        """Return an aligned view with the bundle's own rows where nothing else was sent."""
        vectors, present = view.vectors.copy(), view.present.copy()
        own = self.bundle.views[name]
        for row, (item_id, features) in enumerate(found.items()):
            known = self.bundle.rows.get(item_id)
            feature = features.get(name)
            kept = feature is None or feature.status == KEPT  # none: a view of ready rows
            if kept and known is not None:
                vectors[row], present[row] = own.vectors[known], own.present[known]
        return Embeddings(vectors, present, space=view.space)


def _maker(encoder: Encoder) -> str:
    """Return a digest of all that decides what an encoder makes of some bytes."""
    learned, arrays = part_state.dump_learned(encoder)
    settings, version = part_state.part_settings(encoder), 1
    if isinstance(encoder, PerItemEncoder):
        version = encoder.version
        settings = {k: v for k, v in settings.items() if k not in encoder.runtime_settings}
    manifest = {
        "part": type(encoder).__qualname__,
        "settings": settings,
        "learned": learned,
        "version": version,
    }
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()[:32]


def _feature(
    item: ItemContents, view: str, maker: str, vector: Floats | None, problem: Problem | None
) -> ItemFeature:
    status, reason = problem or ("", "")
    return ItemFeature(item.item_id, view, maker, item.revision, vector, status, reason)
