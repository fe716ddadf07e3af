"""Sounds through a small residual network over time and pitch, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from polyrec.encode.audio.trained_audio import TrainedAudio
from polyrec.encode.convolution import Tower


@dataclass
class AudioCNN(TrainedAudio):
    """Residual blocks over log-mel bands, mean and maximum over places, a linear layer.

    >>> AudioCNN(dim=8).width
    8
    """

    def build(self) -> Any:
        """Return the untrained network."""
        return _Hearer(self.dim)


class _Hearer(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.tower = Tower(1, (32, 64, 96))
        self.out = nn.Linear(self.tower.width, dim)

    def forward(self, bands: Any) -> Any:
        """Return (b, dim) of (b, t, bands)."""
        return self.out(self.tower(bands[:, None]))
