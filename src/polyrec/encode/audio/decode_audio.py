"""Decode sounds as an audio model's own feature extractor does, without loading the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from transformers import AutoFeatureExtractor

from polyrec.config import Limits
from polyrec.media.audio import level, load_audio, windows
from polyrec.types import Floats, Raw


@dataclass
class AudioDecoder:
    """Decodes a sound to (w, ...): windows at an even loudness, each in the extractor's form."""

    folder: str
    window: float  # s
    most: int  # windows of one sound
    lufs: float | None

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return (w, ...) float32; the shape of a window is the model's."""
        extractor = load_extractor(self.folder)
        rate = int(extractor.sampling_rate)
        # the windows are spread over four times their total length
        samples = load_audio(raw, rate=rate, seconds=self.window * self.most * 4, limits=limits)
        if self.lufs is not None:
            samples = level(samples, rate, lufs=self.lufs)
        cut = windows(samples, length=int(self.window * rate), most=self.most)
        options = {"truncation": "rand_trunc"} if "Clap" in type(extractor).__name__ else {}
        features = extractor(list(cut), sampling_rate=rate, return_tensors="np", **options)
        name = "input_features" if "input_features" in features else "input_values"
        return np.asarray(features[name], np.float32)


@lru_cache(maxsize=2)
def load_extractor(folder: str) -> Any:
    """Return the feature extractor of a model folder."""
    return AutoFeatureExtractor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
