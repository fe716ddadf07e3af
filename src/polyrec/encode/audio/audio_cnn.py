"""Sounds through a small residual network over time and pitch, trained on the catalogue."""

from __future__ import annotations

from typing import Any

from torch import nn

from polyrec.contracts import part
from polyrec.encode.audio.trained_audio import TrainedAudioEncoder
from polyrec.encode.convolution import ConvolutionalNetwork


@part
class AudioCNN(TrainedAudioEncoder):
    """Residual blocks over log-mel bands, mean and maximum over positions, a linear layer.

    >>> AudioCNN(dim=8).width
    8
    """

    def build(self) -> Any:
        """Return the untrained network."""
        return _Network(self.dim)


class _Network(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.convolutions = ConvolutionalNetwork(1, (32, 64, 96))
        self.out = nn.Linear(self.convolutions.width, dim)

    def forward(self, bands: Any) -> Any:
        """Return (b, dim) of (b, t, bands)."""
        return self.out(self.convolutions(bands[:, None]))
