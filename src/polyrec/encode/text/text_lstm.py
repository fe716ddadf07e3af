"""Texts through word embeddings and an LSTM, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from polyrec.encode.text.trained_text import TrainedText


@dataclass
class TextLSTM(TrainedText):
    """Embedding, LSTM in both directions, maximum over time, a linear layer.

    >>> TextLSTM(dim=8).width
    8
    """

    def build(self) -> Any:
        """Return the untrained network."""
        return _Reader(self.size, self.word_dim, self.dim)


class _Reader(nn.Module):
    def __init__(self, words: int, word_dim: int, dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, word_dim, padding_idx=0)
        self.memory = nn.LSTM(word_dim, word_dim, batch_first=True, bidirectional=True)
        self.out = nn.Linear(3 * word_dim, dim)
        self.drop = nn.Dropout(0.3)

    def forward(self, numbers: Any) -> Any:
        """Return (b, dim) of (b, t) word numbers, 0 being none."""
        here = (numbers > 0)[:, :, None]
        embedded = self.drop(self.words(numbers))  # (b, t, word_dim)
        # packed: what is read backwards begins at the last word, not in the padding
        lengths = here.sum(dim=(1, 2)).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.memory(packed)[0], batch_first=True)
        # beside the memory's maximum the plain mean: short texts are mostly their words
        highest = states.masked_fill(~here, -1e4).amax(dim=1)
        mean = (embedded * here).sum(dim=1) / here.sum(dim=1).clamp(min=1)
        return self.out(torch.cat([highest, mean], dim=1))
