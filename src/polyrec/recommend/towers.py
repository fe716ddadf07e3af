"""The networks and losses of the two towers."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

_SHARPEST = 30.0  # 1 / t at most


class Batch(NamedTuple):
    """Events to predict, each from the rest of its user's history."""

    targets: Any  # (b,) items
    items: Any  # (h,) of the histories
    weights: Any  # (h,) 0 for the target itself
    offsets: Any  # (b,) where each history begins

    def to(self, device: Any) -> Batch:
        """Return the batch on a device."""
        return Batch(*(part.to(device) for part in self))


class Towers(nn.Module):
    """Item tower and user tower."""

    def __init__(self, count: int, width: int, dim: int) -> None:
        super().__init__()
        self.own = nn.Parameter(0.1 * torch.randn(count, dim))
        self.own_bias = nn.Parameter(torch.zeros(count))
        self.read = nn.Sequential(
            nn.Linear(max(width, 1), 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)
        )
        self.appeal = nn.Linear(dim, 1, bias=False)
        self.think = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        nn.init.zeros_(self.think[2].weight)
        nn.init.zeros_(self.think[2].bias)

    def items(self, content: Any, known: Any) -> tuple[Any, Any]:
        """Return v (n, dim) and b (n,) of items by (n, width) content and who has a vector."""
        rows = torch.zeros(len(content), self.own.shape[1], device=content.device)
        bias = torch.zeros(len(content), device=content.device)
        if known.any():
            kept = known.to(self.own.dtype)
            rows, bias = kept[:, None] * self.own, kept * self.own_bias
        if content.shape[1]:
            read = self.read(content)
            rows, bias = rows + read, bias + self.appeal(read)[:, 0]
        return F.normalize(rows, dim=1), bias

    def users(self, means: Any) -> Any:
        """Return u (b, dim) of the (b, dim) means over histories."""
        unit = F.normalize(means, dim=1)
        return F.normalize(unit + self.think(unit), dim=1)

    def sharpness(self) -> Any:
        """Return 1 / t."""
        return self.log_sharpness.exp().clamp(1.0, _SHARPEST)


def loss_of(  # noqa: PLR0913 - what a loss is made of
    network: Towers,
    batch: Batch,
    vectors: Any,
    biases: Any,
    *,
    head: str,
    share: Any,
    negatives: int,
    generator: Any,
) -> Any:
    """Return the mean loss of a head over a batch of events."""
    summed = F.embedding_bag(
        batch.items, vectors, batch.offsets, mode="sum", per_sample_weights=batch.weights
    )
    users = network.users(summed)  # a mean and a sum have one direction
    sharp = network.sharpness()
    if head == "softmax":
        return F.cross_entropy(sharp * users @ vectors.T + biases, batch.targets)
    if head == "sigmoid":
        drawn = torch.randint(0, len(vectors), (len(users), negatives), generator=generator).to(
            users.device
        )
        asked = torch.cat([batch.targets[:, None], drawn], dim=1)  # (b, 1 + negatives)
        scores = sharp * (users[:, None] * vectors[asked]).sum(dim=2) + biases[asked]
        right = torch.zeros_like(scores)
        right[:, 0] = 1
        weights = torch.where(right > 0, 1.0, 1 / negatives)
        return F.binary_cross_entropy_with_logits(scores, right, weights)
    chosen = batch.targets
    scores = (
        sharp * users @ vectors[chosen].T + biases[chosen] - share[chosen].clamp(min=1e-9).log()
    )
    own = torch.eye(len(chosen), dtype=torch.bool, device=scores.device)
    # the same item twice in a batch is no counter-example to itself
    twice = (chosen[:, None] == chosen[None]) & ~own
    right = torch.arange(len(chosen), device=scores.device)
    return F.cross_entropy(scores.masked_fill(twice, -1e9), right)
