"""Transformer whose views exchange information through a few bottleneck tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.trained import Projections, TrainedFuser


@part
class Bottleneck(TrainedFuser):
    """Bottleneck tokens attend to the present views, and their mean is the item.

    In each layer a few learned tokens attend to the views and to themselves (Nagrani et al.,
    NeurIPS 2021); the views exchange information through them alone.

    >>> Bottleneck(dim=8).tokens
    4
    """

    tokens: int = 4
    layers: int = 2
    heads: int = 4

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Bottleneck(widths, self)


class _Bottleneck(nn.Module):
    def __init__(self, widths: Mapping[str, int], settings: Bottleneck) -> None:
        super().__init__()
        dim = settings.dim
        heads = next(h for h in range(min(settings.heads, dim), 0, -1) if dim % h == 0)
        self.project = Projections(widths, dim)
        self.kinds = nn.Parameter(0.1 * torch.randn(len(widths), dim))
        self.tokens = nn.Parameter(0.1 * torch.randn(settings.tokens, dim))
        self.attention = nn.ModuleList(
            nn.MultiheadAttention(dim, heads, batch_first=True) for _ in range(settings.layers)
        )
        self.feed_forward = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
            )
            for _ in range(settings.layers)
        )
        self.skip = nn.Parameter(torch.ones(()))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        views = self.project(rows) + self.kinds  # (b, m, dim)
        tokens = self.tokens.expand(len(present), -1, -1)
        # the tokens attend to themselves, so that no row attends to nothing
        masked = torch.cat([~present, torch.zeros_like(tokens[:, :, 0], dtype=torch.bool)], dim=1)
        for attention, feed_forward in zip(self.attention, self.feed_forward, strict=True):
            keys = torch.cat([views, tokens], dim=1)
            tokens = tokens + attention(tokens, keys, keys, masked, need_weights=False)[0]
            tokens = tokens + feed_forward(tokens)
        share = present / present.sum(dim=1, keepdim=True).clamp(min=1)
        return tokens.mean(dim=1) + self.skip * (share[:, :, None] * views).sum(dim=1)
