"""The networks and losses of the two towers."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


class Catalogue(NamedTuple):
    """What the item tower makes of the items."""

    vectors: Any  # (n, dim) v
    biases: Any  # (n,) b
    tokens: Any  # (n, m, dim) of each view, length 1
    present: Any  # (n, m)

    def take(self, rows: Any) -> Catalogue:
        """Return these items."""
        return Catalogue(*(part[rows] for part in self))


class Towers(nn.Module):
    """Item tower and user tower; with `attend` a user weighs each item's views."""

    def __init__(self, count: int, widths: Sequence[int], dim: int, *, attend: bool) -> None:
        super().__init__()
        width = sum(widths)
        self.widths = list(widths) if attend else []
        self.tell = nn.ModuleList(nn.Linear(max(w, 1), dim) for w in self.widths)
        self.sharp = nn.Parameter(torch.tensor([3.0, 3.0]))  # of attention, of its score
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

    def items(self, content: Any, present: Any, known: Any) -> Catalogue:
        """Return what (n, width) content, (n, m) presence, and who has a vector make of items."""
        rows = torch.zeros(len(content), self.own.shape[1], device=content.device)
        bias = torch.zeros(len(content), device=content.device)
        if known.any():
            kept = known.to(self.own.dtype)
            rows, bias = kept[:, None] * self.own, kept * self.own_bias
        if content.shape[1]:
            read = self.read(content)
            rows, bias = rows + read, bias + self.appeal(read)[:, 0]
        vectors = F.normalize(rows, dim=1)
        if not self.widths:
            return Catalogue(vectors, bias, vectors[:, None], present[:, :0])
        parts = content.split(self.widths, dim=1)
        tokens = torch.stack([tell(x) for tell, x in zip(self.tell, parts, strict=True)], dim=1)
        return Catalogue(vectors, bias, F.normalize(tokens, dim=2), present)

    def scores(self, users: Any, items: Catalogue) -> Any:
        """Return (b, n): u'v / t + b, and with attention s sum_m softmax_m(k u'z_m) u'z_m."""
        plain = self.sharpness() * users @ items.vectors.T + items.biases
        if not self.widths:
            return plain
        told = torch.einsum("bd,nmd->bnm", users, items.tokens)
        return plain + self._attended(told, items.present)

    def scores_of(self, users: Any, items: Catalogue) -> Any:
        """Return (b, k) of items of each user's own, their parts being (b, k, ...)."""
        plain = self.sharpness() * (users[:, None] * items.vectors).sum(dim=2) + items.biases
        if not self.widths:
            return plain
        told = torch.einsum("bd,bkmd->bkm", users, items.tokens)
        return plain + self._attended(told, items.present)

    def _attended(self, told: Any, present: Any) -> Any:
        shares = torch.softmax((self.sharp[0] * told).masked_fill(~present, -1e9), dim=-1)
        return self.sharp[1] * (shares * present * told).sum(dim=-1)

    def users(self, means: Any) -> Any:
        """Return u (b, dim) of the (b, dim) means over histories."""
        unit = F.normalize(means, dim=1)
        return F.normalize(unit + self.think(unit), dim=1)

    def sharpness(self) -> Any:
        """Return 1 / t."""
        return self.log_sharpness.exp().clamp(1.0, _SHARPEST)


def loss_of(
    network: Towers,
    batch: Batch,
    items: Catalogue,
    *,
    head: str,
    share: Any,
    drawn: Any,
) -> Any:
    """Return the mean loss of a head over a batch of events.

    `share` (n,) is each item's part of all events, `drawn` (b, k) the items that a sigmoid is asked
    about beside the right one.
    """
    summed = F.embedding_bag(
        batch.items, items.vectors, batch.offsets, mode="sum", per_sample_weights=batch.weights
    )
    users = network.users(summed)  # a mean and a sum have one direction
    if head == "softmax":
        return F.cross_entropy(network.scores(users, items), batch.targets)
    if head == "sigmoid":
        asked = torch.cat([batch.targets[:, None], drawn], dim=1)  # (b, 1 + k)
        scores = network.scores_of(users, items.take(asked))
        right = torch.zeros_like(scores)
        right[:, 0] = 1
        weights = torch.where(right > 0, 1.0, 1 / drawn.shape[1])
        return F.binary_cross_entropy_with_logits(scores, right, weights)
    chosen = batch.targets
    scores = network.scores(users, items.take(chosen)) - share[chosen].clamp(min=1e-9).log()
    own = torch.eye(len(chosen), dtype=torch.bool, device=scores.device)
    # the same item twice in a batch is no counter-example to itself
    twice = (chosen[:, None] == chosen[None]) & ~own
    right = torch.arange(len(chosen), device=scores.device)
    return F.cross_entropy(scores.masked_fill(twice, -1e9), right)
