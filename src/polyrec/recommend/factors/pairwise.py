"""Users and items as vectors, trained so that items taken rank above items not taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.recommend.early_stopping import ranking_watch
from polyrec.recommend.negative_sampling import PairBatch, Pairs
from polyrec.training.loop import Schedule, train
from polyrec.types import Floats, Interactions, Query

_START = 0.1  # standard deviation of a vector's first numbers


class Factors(nn.Module):
    """A vector per user, a vector and a bias per item; with content, a map of it into both.

    The content's part has `axes` of its own, in users too (VBPR, eq. 4-5). While it learns, an
    item's own vector and bias are hidden with probability `hide`.
    """

    def __init__(
        self, shape: tuple[int, int], dim: int, content: Any, *, axes: int = 0, hide: float = 0.0
    ) -> None:
        super().__init__()
        users, items = shape
        width = content.shape[1]
        axes = axes if width else 0
        self.hide = hide
        self.users = nn.Parameter(_START * torch.randn(users, dim + axes))
        self.own = nn.Parameter(_START * torch.randn(items, dim))
        self.own_bias = nn.Parameter(torch.zeros(items))
        self.projection = nn.Parameter(_START * torch.randn(width, axes))
        self.content_bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("content", content, persistent=False)

    def items(self, rows: Any) -> tuple[Any, Any]:
        """Return vectors (..., d) and biases (...) of items."""
        vectors, biases = self.own[rows], self.own_bias[rows]
        if self.training and self.hide:
            kept = (torch.rand(rows.shape) >= self.hide).to(vectors.device, vectors.dtype)
            vectors, biases = vectors * kept[..., None], biases * kept
        if not self.content.shape[1]:
            return vectors, biases
        content = self.content[rows]
        projected = content @ self.projection
        return torch.cat([vectors, projected], dim=-1), biases + content @ self.content_bias

    def loss(self, batch: PairBatch) -> Any:
        """Return the mean of -log sigmoid(score taken - score not taken) (BPR, section 4.1)."""
        device = self.users.device
        who, taken, others = (torch.from_numpy(part).to(device) for part in batch)
        users = self.users[who]
        vectors, biases = self.items(torch.cat([taken[:, None], others], dim=1))
        scores = (users[:, None] * vectors).sum(dim=-1) + biases  # (b, 1 + negatives)
        return F.softplus(scores[:, 1:] - scores[:, :1]).mean()

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores of trained users, as the network stands."""
        device = self.users.device
        every = torch.arange(len(self.own), device=device)
        vectors, biases = self.items(every)
        scores: Floats = (self.users[torch.from_numpy(query.users).to(device)] @ vectors.T
                          + biases).cpu().numpy()  # fmt: skip
        return scores


def train_pairwise(
    network: Factors,
    parts: tuple[Interactions, Interactions | None],
    schedule: Schedule,
    *,
    batch: int,
    negatives: int,
    seed: int,
) -> list[float]:
    """Train on `parts` (train, valid) and return what was measured on valid."""
    pairs = Pairs(parts[0])

    def batches(order: np.random.Generator) -> Iterator[PairBatch]:
        return pairs.batches(order, size=batch, negatives=negatives)

    return train(
        network, batches, network.loss, valid=ranking_watch(network.score, *parts),
        schedule=schedule, seed=seed, name="pairwise",
    )  # fmt: skip


def to_arrays(network: Factors) -> tuple[Floats, Floats, Floats]:
    """Return the users (u, d), and the vectors (n, d) and biases (n,) of the items."""
    with torch.no_grad():
        vectors, biases = network.items(torch.arange(len(network.own), device=network.own.device))
        users = network.users
        return users.cpu().numpy().copy(), vectors.cpu().numpy(), biases.cpu().numpy().copy()
