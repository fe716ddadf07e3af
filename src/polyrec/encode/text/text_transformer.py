"""Texts through a small Transformer, trained on the catalogue."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.encode.text.trained_text import TrainedTextEncoder


@part
class TextTransformer(TrainedTextEncoder):
    """Word and position embeddings, self-attention (Vaswani et al., NIPS 2017), mean over time.

    >>> TextTransformer(dim=8).width
    8
    """

    layers: int = 2
    heads: int = 4

    def build(self) -> Any:
        """Return the untrained network."""
        return _Network(self.vocabulary_size, self)


class _Network(nn.Module):
    def __init__(self, words: int, settings: TextTransformer) -> None:
        super().__init__()
        width = settings.word_dim
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.positions = nn.Embedding(settings.max_tokens, width)
        layer = nn.TransformerEncoderLayer(
            width, settings.heads, 2 * width, dropout=0.2, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.out = nn.Linear(width, settings.dim)

    def forward(self, numbers: Any) -> Any:
        """Return (b, dim) of (b, t) word numbers, 0 being padding."""
        mask = numbers > 0
        positions = torch.arange(numbers.shape[1], device=numbers.device)
        states = self.words(numbers) + 0.1 * self.positions(positions)
        states = self.layers(states, src_key_padding_mask=~mask)
        weights = mask[:, :, None].to(states.dtype)
        return self.out((states * weights).sum(dim=1) / weights.sum(dim=1))
