"""Sounds through an LSTM over time, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.encode.audio.trained_audio import TrainedAudio


@dataclass
class AudioLSTM(TrainedAudio):
    """Log-mel bands, LSTM in both directions, mean and maximum over time, a linear layer.

    >>> AudioLSTM(dim=8).width
    8
    """

    hidden: int = 64

    def build(self) -> Any:
        """Return the untrained network."""
        return _Hearer(self.hidden, self.dim)


class _Hearer(nn.Module):
    def __init__(self, hidden: int, dim: int) -> None:
        super().__init__()
        self.memory = nn.LSTM(64, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(4 * hidden, dim)
        self.drop = nn.Dropout(0.2)

    def forward(self, bands: Any) -> Any:
        """Return (b, dim) of (b, t, 64)."""
        states, _ = self.memory(bands)  # (b, t, 2 * hidden)
        return self.out(self.drop(torch.cat([states.mean(dim=1), states.amax(dim=1)], dim=1)))
