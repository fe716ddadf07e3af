"""Sounds through an LSTM over time, trained on the catalogue."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.encode.audio.log_mel import BANDS
from polyrec.encode.audio.trained_audio import TrainedAudioEncoder


@part
class AudioLSTM(TrainedAudioEncoder):
    """Log-mel bands, a bidirectional LSTM, mean and maximum over time, a linear layer.

    >>> AudioLSTM(dim=8).width
    8
    """

    hidden: int = 64

    def build(self) -> Any:
        """Return the untrained network."""
        return _Network(self.hidden, self.dim)


class _Network(nn.Module):
    def __init__(self, hidden: int, dim: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(4 * hidden, dim)
        self.dropout = nn.Dropout(0.2)

    def forward(self, bands: Any) -> Any:
        """Return (b, dim) of (b, t, 64)."""
        states, _ = self.lstm(bands)  # (b, t, 2 * hidden)
        pooled = torch.cat([states.mean(dim=1), states.amax(dim=1)], dim=1)
        return self.out(self.dropout(pooled))
