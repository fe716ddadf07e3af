"""Texts through word embeddings and an LSTM, trained on the catalogue."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from polyrec.contracts import part
from polyrec.encode.text.trained_text import TrainedTextEncoder


@part
class TextLSTM(TrainedTextEncoder):
    """Embedding, a bidirectional LSTM, maximum over time beside the mean embedding, a linear layer.

    >>> TextLSTM(dim=8).width
    8
    """

    def build(self) -> Any:
        """Return the untrained network."""
        return _Network(self.vocabulary_size, self.word_dim, self.dim)


class _Network(nn.Module):
    def __init__(self, words: int, word_dim: int, dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, word_dim, padding_idx=0)
        self.lstm = nn.LSTM(word_dim, word_dim, batch_first=True, bidirectional=True)
        self.out = nn.Linear(3 * word_dim, dim)
        self.dropout = nn.Dropout(0.3)

    def forward(self, numbers: Any) -> Any:
        """Return (b, dim) of (b, t) word numbers, 0 being padding."""
        mask = (numbers > 0)[:, :, None]
        embedded = self.dropout(self.words(numbers))  # (b, t, word_dim)
        # packed: the backward direction starts at the last word, not in the padding
        lengths = mask.sum(dim=(1, 2)).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        # the plain mean beside it: of a short text the words matter more than their order
        maximum = states.masked_fill(~mask, -1e4).amax(dim=1)
        mean = (embedded * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return self.out(torch.cat([maximum, mean], dim=1))
