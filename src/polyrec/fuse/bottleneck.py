"""A Transformer over modality tokens that talk through a few bottleneck tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.fuse.trained import Projections, TrainedFuser


@dataclass
class Bottleneck(TrainedFuser):
    """Bottleneck tokens gather from the present views, and their mean is the item.

    In each layer a few learned tokens attend to the views and to themselves (Nagrani et al.,
    NeurIPS 2021); the views see each other through them alone.

    >>> Bottleneck(dim=8).tokens
    4
    """

    tokens: int = 4
    layers: int = 2
    heads: int = 4

    def build(self, widths: Mapping[str, int]) -> Any:
        """Return the untrained network."""
        return _Bottleneck(widths, self)


class _Bottleneck(nn.Module):
    def __init__(self, widths: Mapping[str, int], told: Bottleneck) -> None:
        super().__init__()
        dim = told.dim
        heads = next(h for h in range(min(told.heads, dim), 0, -1) if dim % h == 0)
        self.project = Projections(widths, dim)
        self.kinds = nn.Parameter(0.1 * torch.randn(len(widths), dim))
        self.tokens = nn.Parameter(0.1 * torch.randn(told.tokens, dim))
        self.gather = nn.ModuleList(
            nn.MultiheadAttention(dim, heads, batch_first=True) for _ in range(told.layers)
        )
        self.think = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
            )
            for _ in range(told.layers)
        )
        self.skip = nn.Parameter(torch.ones(()))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        views = self.project(rows) + self.kinds  # (b, m, dim)
        tokens = self.tokens.expand(len(present), -1, -1)
        # the tokens see themselves, so that no row attends to nothing
        hidden = torch.cat([~present, torch.zeros_like(tokens[:, :, 0], dtype=torch.bool)], dim=1)
        for gather, think in zip(self.gather, self.think, strict=True):
            seen = torch.cat([views, tokens], dim=1)
            tokens = tokens + gather(tokens, seen, seen, hidden, need_weights=False)[0]
            tokens = tokens + think(tokens)
        share = present / present.sum(dim=1, keepdim=True).clamp(min=1)
        return tokens.mean(dim=1) + self.skip * (share[:, :, None] * views).sum(dim=1)
