"""Texts through a small Transformer, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.encode.text.trained_text import TrainedText


@dataclass
class TextTransformer(TrainedText):
    """Embedding with places, self-attention layers (Vaswani et al., NIPS 2017), the mean over time.

    >>> TextTransformer(dim=8).width
    8
    """

    layers: int = 2
    heads: int = 4

    def build(self) -> Any:
        """Return the untrained network."""
        return _Reader(self.size, self)


class _Reader(nn.Module):
    def __init__(self, words: int, told: TextTransformer) -> None:
        super().__init__()
        wide = told.word_dim
        self.words = nn.Embedding(words, wide, padding_idx=0)
        self.places = nn.Embedding(told.max_tokens, wide)
        layer = nn.TransformerEncoderLayer(
            wide, told.heads, 2 * wide, dropout=0.2, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, told.layers, enable_nested_tensor=False)
        self.out = nn.Linear(wide, told.dim)

    def forward(self, numbers: Any) -> Any:
        """Return (b, dim) of (b, t) word numbers, 0 being none."""
        here = numbers > 0
        places = torch.arange(numbers.shape[1], device=numbers.device)
        states = self.words(numbers) + 0.1 * self.places(places)
        states = self.layers(states, src_key_padding_mask=~here)
        weights = here[:, :, None].to(states.dtype)
        return self.out((states * weights).sum(dim=1) / weights.sum(dim=1))
