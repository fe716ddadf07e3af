"""Encode the content of items that are added or changed while the service runs, as training did."""

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
"""What may be uploaded. Feature rows may not: nothing shows which encoder made them."""


class ItemContents(NamedTuple):
    """The contents of an item by name, None for an absent one.

    A content that is not named is the bundle's.
    """

    item_id: str
    revision: int
    contents: Mapping[str, Raw | None]


class _NoCache(FeatureCache):
    """Caches nothing: the database keeps the features."""

    def __init__(self) -> None:  # no file is opened
        pass

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats | Problem]:  # noqa: ARG002
        return {}

    def put(self, identity: str, rows: Mapping[bytes, Floats | Problem]) -> None:
        pass


@dataclass
class ItemEncoder:
    """The encoders of one bundle; contents are decoded in a sandbox. Thread-safe."""

    bundle: Bundle
    sandbox: Sandbox
    encoder_digests: Mapping[str, str] = field(init=False)  # view -> digest of its fitted encoder
    is_warm: bool = field(default=False, init=False)  # whether the encoders are loaded

    def __post_init__(self) -> None:
        self.encoder_digests = {
            view: _digest(encoder)
            for view, encoder in self.bundle.parts.encoders.items()
            if encoder.modality in MODALITIES
        }

    def encode(self, items: Sequence[ItemContents]) -> dict[str, list[ItemFeature]]:
        """Return item -> one feature per view."""
        try:
            return self._encode(items)
        except OSError:  # the machine's fault, not the content's: it is tried again
            raise
        except Exception as error:  # noqa: BLE001 - one bad content must not block the queue
            if len(items) > 1:  # find the item at fault
                return {k: v for item in items for k, v in self.encode([item]).items()}
            problem = Problem("damaged", str(error) or type(error).__name__)
            features = [
                _feature(items[0], view, digest, None, problem)
                for view, digest in self.encoder_digests.items()
            ]
            return {items[0].item_id: features}

    def warm_up(self) -> None:
        """Load the encoders and start the decoders, so that the first upload need not wait.

        Video encoders load with the first video.
        """
        self.is_warm = True  # an encoder that can't be loaded fails again at the first upload
        samples: dict[str, Raw] = {
            "text": "a",
            "image": warmup_samples.grey_png(),
            "audio": warmup_samples.silent_wav(),
        }
        for view in self.encoder_digests:
            modality = self.bundle.parts.encoders[view].modality
            if modality in samples:
                self.encode_view(view, [samples[modality]])

    def encode_view(self, view: str, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per content by a view's encoder; what can't be read is absent."""
        context = EncodeContext(self.sandbox, _NoCache(), workers=2)
        return encode_contents(self.bundle.parts.encoders[view], contents, context)

    def align_and_fuse(
        self, features: Mapping[str, Mapping[str, ItemFeature]]
    ) -> tuple[list[str], Views]:
        """Return the items that have any content, and their views, aligned and fused.

        `features` are item -> view -> feature.
        """
        encoded = {name: self._encoded(name, features) for name in self.bundle.parts.encoders}
        aligned = {
            name: self._with_kept(name, view, features)
            for name, view in self.bundle.parts.aligner.align(encoded).items()
        }
        has_content = np.atleast_1d(np.any([view.present for view in aligned.values()], axis=0))
        if not has_content.any():
            return [], {}
        aligned = {name: view.take(has_content) for name, view in aligned.items()}
        ids = [item_id for item_id, keep in zip(features, has_content, strict=True) if keep]
        return ids, self.bundle.parts.impute_and_fuse(aligned)

    def _encode(self, items: Sequence[ItemContents]) -> dict[str, list[ItemFeature]]:
        features: dict[str, list[ItemFeature]] = {item.item_id: [] for item in items}
        for view, digest in self.encoder_digests.items():
            name = self.bundle.content_name(view)
            encoded = self.encode_view(view, [item.contents.get(name) for item in items])
            for row, item in enumerate(items):
                problem = encoded.problems.get(row)
                if name not in item.contents:
                    problem = Problem(KEPT, "")
                vector = encoded.vectors[row] if encoded.present[row] else None
                features[item.item_id].append(_feature(item, view, digest, vector, problem))
        return features

    def _encoded(self, view: str, features: Mapping[str, Mapping[str, ItemFeature]]) -> Embeddings:
        """Return the encoded rows of a view, absent where an item has no vector."""
        encoder = self.bundle.parts.encoders[view]
        vectors = np.zeros((len(features), encoder.width), np.float32)
        present = np.zeros(len(features), bool)
        for row, of_item in enumerate(features.values()):
            feature = of_item.get(view)
            if feature is not None and feature.vector is not None:
                vectors[row], present[row] = feature.vector, True
        return Embeddings(vectors, present, space=encoder.space)

    def _with_kept(
        self, name: str, view: Embeddings, features: Mapping[str, Mapping[str, ItemFeature]]
    ) -> Embeddings:
        """Return an aligned view with the bundle's own rows where nothing else was sent."""
        vectors, present = view.vectors.copy(), view.present.copy()
        bundled = self.bundle.views[name]
        for row, (item_id, of_item) in enumerate(features.items()):
            bundle_row = self.bundle.rows.get(item_id)
            feature = of_item.get(name)
            kept = feature is None or feature.status == KEPT  # none: a view of feature rows
            if kept and bundle_row is not None:
                vectors[row], present[row] = (
                    bundled.vectors[bundle_row],
                    bundled.present[bundle_row],
                )
        return Embeddings(vectors, present, space=view.space)


def _digest(encoder: Encoder) -> str:
    """Return a digest of all that decides an encoder's output: class, settings, learned state."""
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
    item: ItemContents, view: str, digest: str, vector: Floats | None, problem: Problem | None
) -> ItemFeature:
    status, reason = problem or ("", "")
    return ItemFeature(item.item_id, view, digest, item.revision, vector, status, reason)
