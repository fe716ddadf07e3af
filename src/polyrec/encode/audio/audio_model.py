"""Sounds through a pretrained audio model: AST, CLAP, Wav2Vec2, HuBERT, Whisper's encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from polyrec.encode.audio.decode_audio import Waves, load_extractor
from polyrec.encode.pretrained import Pretrained, as_unit_rows
from polyrec.types import Floats


@dataclass
class AudioModel(Pretrained):
    """A sound as one vector of length 1: the mean over its windows.

    CLAP gives its projected audio vector, AST its pooled tokens, the others the mean of their
    hidden states over time. `window` 0 takes the length that the model was trained on. The windows
    are brought to `lufs` loudness first, unless that is null.
    """

    window: float = 0.0  # s
    windows: int = 3  # of each sound at most, spread over it
    lufs: float | None = -20.0
    modality: str = "audio"

    @property
    def preparer(self) -> Waves:
        """Return how sounds are cut for this model."""
        folder = str(self.folder)
        return Waves(folder, self.window or _natural_window(folder), self.windows, self.lufs)

    @property
    def width(self) -> int:
        """Return d."""
        config = self.network.config
        if hasattr(self.network, "get_audio_features"):
            return int(config.projection_dim)
        return int(getattr(config, "hidden_size", None) or config.d_model)

    def embed(self, prepared: Sequence[Floats]) -> Floats:
        """Return (b, d) rows of (w, ...) windows."""
        counts = [len(windows) for windows in prepared]
        inputs = torch.from_numpy(np.concatenate(prepared))
        rows = self._features(inputs)
        return as_unit_rows(torch.stack([part.float().mean(dim=0) for part in rows.split(counts)]))

    def _features(self, inputs: Any) -> Any:
        network = self.network
        kind = network.config.model_type
        with torch.inference_mode():
            if hasattr(network, "get_audio_features"):
                longer = torch.zeros((len(inputs), 1), dtype=torch.bool)
                told = self.moved({"input_features": inputs, "is_longer": longer})
                found = network.get_audio_features(**told)
                return getattr(found, "pooler_output", found)
            if kind == "whisper":
                told = self.moved({"input_features": inputs})
                return network.get_encoder()(**told).last_hidden_state.mean(dim=1)
            found = network(**self.moved({"input_values": inputs}))
            pooled = getattr(found, "pooler_output", None)
            return found.last_hidden_state.mean(dim=1) if pooled is None else pooled


def _natural_window(folder: str) -> float:
    """Return how many s a model hears at once."""
    extractor = load_extractor(folder)
    if hasattr(extractor, "chunk_length"):  # Whisper
        return float(extractor.chunk_length)
    if hasattr(extractor, "max_length_s"):  # CLAP
        return float(extractor.max_length_s)
    if hasattr(extractor, "num_mel_bins"):  # AST: frames of 10 ms
        return float(extractor.max_length) / 100
    return 10.0
