"""The networks and losses of the two towers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

_SHARPEST = 30.0  # 1 / t at most


class EventBatch(NamedTuple):
    """Events to predict, each from the rest of its user's history."""

    targets: Any  # (b,) items
    items: Any  # (h,) of the histories
    weights: Any  # (h,) 0 for the target itself
    offsets: Any  # (b,) start of each history

    def to(self, device: Any) -> EventBatch:
        """Return the batch on a device."""
        return EventBatch(*(part.to(device) for part in self))


class ItemOutput(NamedTuple):
    """What the item tower computes for items."""

    vectors: Any  # (n, dim) v
    biases: Any  # (n,) b
    tokens: Any  # (n, m, dim) of each view, length 1
    present: Any  # (n, m)

    def take(self, rows: Any) -> ItemOutput:
        """Return these items."""
        return ItemOutput(*(part[rows] for part in self))


class Towers(nn.Module):
    """Item tower and user tower; with `attend` a user weighs each item's views."""

    def __init__(self, count: int, widths: Sequence[int], dim: int, *, attend: bool) -> None:
        super().__init__()
        width = sum(widths)
        self.widths = list(widths) if attend else []
        self.project_views = nn.ModuleList(nn.Linear(max(w, 1), dim) for w in self.widths)
        self.sharp = nn.Parameter(torch.tensor([3.0, 3.0]))  # of attention, of its score
        self.own = nn.Parameter(0.1 * torch.randn(count, dim))
        self.own_bias = nn.Parameter(torch.zeros(count))
        self.content_tower = nn.Sequential(
            nn.Linear(max(width, 1), 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)
        )
        self.content_bias = nn.Linear(dim, 1, bias=False)
        self.user_tower = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        nn.init.zeros_(self.user_tower[2].weight)
        nn.init.zeros_(self.user_tower[2].bias)

    def items(self, content: Any, present: Any, known: Any) -> ItemOutput:
        """Return the output for content (n, width), presence (n, m); own vectors where `known`."""
        rows = torch.zeros(len(content), self.own.shape[1], device=content.device)
        bias = torch.zeros(len(content), device=content.device)
        if known.any():
            kept = known.to(self.own.dtype)
            rows, bias = kept[:, None] * self.own, kept * self.own_bias
        if content.shape[1]:
            projected = self.content_tower(content)
            rows, bias = rows + projected, bias + self.content_bias(projected)[:, 0]
        vectors = F.normalize(rows, dim=1)
        if not self.widths:
            return ItemOutput(vectors, bias, vectors[:, None], present[:, :0])
        parts = content.split(self.widths, dim=1)
        tokens = torch.stack(
            [project(x) for project, x in zip(self.project_views, parts, strict=True)], dim=1
        )
        return ItemOutput(vectors, bias, F.normalize(tokens, dim=2), present)

    def scores(self, users: Any, items: ItemOutput) -> Any:
        """Return (b, n): u'v / t + b, and with attention s sum_m softmax_m(k u'z_m) u'z_m."""
        plain = self.sharpness() * users @ items.vectors.T + items.biases
        if not self.widths:
            return plain
        similar = torch.einsum("bd,nmd->bnm", users, items.tokens)
        return plain + self._attended(similar, items.present)

    def scores_of(self, users: Any, items: ItemOutput) -> Any:
        """Return (b, k) of items of each user's own, their parts being (b, k, ...)."""
        plain = self.sharpness() * (users[:, None] * items.vectors).sum(dim=2) + items.biases
        if not self.widths:
            return plain
        similar = torch.einsum("bd,bkmd->bkm", users, items.tokens)
        return plain + self._attended(similar, items.present)

    def _attended(self, similar: Any, present: Any) -> Any:
        shares = torch.softmax((self.sharp[0] * similar).masked_fill(~present, -1e9), dim=-1)
        return self.sharp[1] * (shares * present * similar).sum(dim=-1)

    def users(self, means: Any) -> Any:
        """Return u (b, dim) of the (b, dim) means over histories."""
        unit = F.normalize(means, dim=1)
        return F.normalize(unit + self.user_tower(unit), dim=1)

    def sharpness(self) -> Any:
        """Return 1 / t."""
        return self.log_sharpness.exp().clamp(1.0, _SHARPEST)


def tower_loss(
    network: Towers,
    batch: EventBatch,
    items: ItemOutput,
    *,
    head: str,
    share: Any,
    drawn: Any,
) -> Any:
    """Return the mean loss of a head over a batch of events.

    `share` (n,) is each item's share of all events, `drawn` (b, k) the negatives of a sigmoid.
    """
    summed = F.embedding_bag(
        batch.items, items.vectors, batch.offsets, mode="sum", per_sample_weights=batch.weights
    )
    users = network.users(summed)  # a mean and a sum have one direction
    if head == "softmax":
        return F.cross_entropy(network.scores(users, items), batch.targets)
    if head == "sigmoid":
        candidates = torch.cat([batch.targets[:, None], drawn], dim=1)  # (b, 1 + k)
        scores = network.scores_of(users, items.take(candidates))
        labels = torch.zeros_like(scores)
        labels[:, 0] = 1
        weights = torch.where(labels > 0, 1.0, 1 / drawn.shape[1])
        return F.binary_cross_entropy_with_logits(scores, labels, weights)
    targets = batch.targets
    scores = network.scores(users, items.take(targets)) - share[targets].clamp(min=1e-9).log()
    own = torch.eye(len(targets), dtype=torch.bool, device=scores.device)
    # the same item twice in a batch is no negative for itself
    twice = (targets[:, None] == targets[None]) & ~own
    labels = torch.arange(len(targets), device=scores.device)
    return F.cross_entropy(scores.masked_fill(twice, -1e9), labels)
