"""Sounds through a pretrained audio model: AST, CLAP, Wav2Vec2, HuBERT, Whisper's encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from polyrec.contracts import part
from polyrec.encode.audio.decode_audio import AudioDecoder, load_extractor
from polyrec.encode.pretrained import PretrainedEncoder, as_unit_rows, projection
from polyrec.types import Floats


@part
class AudioModel(PretrainedEncoder):
    """A sound as one vector of length 1: the mean over its windows.

    CLAP gives its projected audio vector, AST its pooled tokens, the others the mean of their
    hidden states over time. `window` 0 takes the length that the model was trained on. The windows
    are brought to `lufs` loudness first, unless that is null.
    """

    version: ClassVar[int] = 3  # 3: silence before a late start

    window: float = 0.0  # s
    windows: int = 3  # of each sound at most, spread over it
    lufs: float | None = -20.0
    modality: str = "audio"

    sample_files: ClassVar[Mapping[str, str]] = {"model": "ast"}

    @property
    def preparer(self) -> AudioDecoder:
        """Return what cuts sounds into windows for this model."""
        folder = str(self.folder)
        return AudioDecoder(folder, self.window or _natural_window(folder), self.windows, self.lufs)

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
        rows = self._features(torch.from_numpy(np.concatenate(prepared)))
        means = [windows.float().mean(dim=0) for windows in rows.split(counts)]
        return as_unit_rows(torch.stack(means))

    def _features(self, windows: Any) -> Any:
        network = self.network
        if hasattr(network, "get_audio_features"):
            longer = torch.zeros((len(windows), 1), dtype=torch.bool)
            inputs = {"input_features": windows, "is_longer": longer}
            return projection(self.infer(network.get_audio_features, **inputs))
        if network.config.model_type == "whisper":
            output = self.infer(network.get_encoder(), input_features=windows)
        else:
            output = self.infer(network, input_values=windows)
        pooled = getattr(output, "pooler_output", None)
        return output.last_hidden_state.mean(dim=1) if pooled is None else pooled


def _natural_window(folder: str) -> float:
    """Return the s of sound that a model was trained on."""
    extractor = load_extractor(folder)
    if hasattr(extractor, "chunk_length"):  # Whisper
        return float(extractor.chunk_length)
    if hasattr(extractor, "max_length_s"):  # CLAP
        return float(extractor.max_length_s)
    if hasattr(extractor, "num_mel_bins"):  # AST: frames of 10 ms
        return float(extractor.max_length) / 100
    return 10.0
