"""Histories as ordered rows of items, and the causal transformer over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.types import NO_TIME, Interactions, Ints, Query

_SCORES = 2**25  # held at once in training: 128 MiB
_POOL = 32  # batches that are cut from one pool of rows


def liked_only(query: Query) -> Query:
    """Return the histories without dislikes."""
    liked = query.weights > 0
    starts = np.concatenate([[0], np.cumsum(liked)])[query.starts].astype(np.int64)
    return replace(query, starts=starts, items=query.items[liked], weights=query.weights[liked])


def latest_items(query: Query, longest: int) -> tuple[Ints, Ints]:
    """Return (b, l) the latest items of each history, oldest first, and (b,) how many there are.

    Shorter histories are padded at the end with item 0, which must not be read.
    """
    lengths = np.minimum(np.diff(query.starts), longest)
    width = int(lengths.max(initial=0))
    entries = (query.starts[1:] - lengths)[:, None] + np.arange(width)
    inside = np.arange(width) < lengths[:, None]
    rows = np.zeros(inside.shape, np.int64)
    rows[inside] = query.items[entries[inside]]
    return rows, lengths


def shuffle_histories(query: Query, order: np.random.Generator) -> Query:
    """Return the histories, each in an order drawn anew."""
    owners = np.repeat(np.arange(len(query)), np.diff(query.starts))
    entries = np.lexsort((order.random(len(owners)), owners))
    return replace(query, items=query.items[entries], weights=query.weights[entries])


def batches_by_length(lengths: Ints, size: int, order: np.random.Generator) -> list[Ints]:
    """Return shuffled batches of `size` rows of similar length each: little is padded.

    Empty rows are in none.
    """
    rows = order.permutation(np.flatnonzero(lengths))
    batches = []
    for start in range(0, len(rows), _POOL * size):
        pool = rows[start : start + _POOL * size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [batches[i] for i in order.permutation(len(batches))]


def training_batches(
    events: Interactions, *, repeats: bool, longest: int, size: int
) -> Callable[[np.random.Generator], Iterator[Query]]:
    """Return a function from an epoch's generator to its batches of liked histories.

    Where no event has a time, each epoch reads the histories in an order drawn anew.
    """
    untimed = not (events.times != NO_TIME).any()
    read = events.sequences if repeats else events.histories
    histories = liked_only(read(np.arange(events.shape[0])))
    lengths = np.minimum(np.diff(histories.starts), longest)

    def batches(order: np.random.Generator) -> Iterator[Query]:
        ordered = shuffle_histories(histories, order) if untimed else histories
        batched = batches_by_length(lengths, size, order)
        return (ordered.select(users) for users in batched)

    return batches


class SequenceTransformer(nn.Module):
    """Item vectors from identity and content, and a causal transformer over them.

    Histories begin at the left: a position attends to nothing on its right, so padding is not read.
    """

    def __init__(
        self, shape: tuple[int, int], dim: int, *, layers: int, heads: int, longest: int,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        count, width = shape
        self.own = nn.Parameter(torch.randn(count, dim) / math.sqrt(dim))
        self.adapter = nn.Parameter(torch.randn(width, dim) / math.sqrt(dim))
        self.positions = nn.Parameter(0.1 * torch.randn(longest + 1, dim))  # 0: the start token
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.drop = nn.Dropout(dropout)

    def items(self, content: Any, known: Any) -> Any:
        """Return (n, dim) vectors of items with (n, width) content, their own where `known`."""
        own = known[:, None] * self.own
        return own + content @ self.adapter if content.shape[1] else own

    def forward(self, vectors: Any, rows: Any) -> Any:
        """Return (b, l + 1, dim) states: position i has read the first i items of `rows` (b, l)."""
        inputs = F.pad(vectors[rows], (0, 0, 1, 0)) * math.sqrt(vectors.shape[1])
        states = self.drop(inputs + self.positions[: inputs.shape[1]])
        for block in self.blocks:
            states = block(states)
        return self.norm(states)


def next_item_loss(
    network: SequenceTransformer, vectors: Any, known: Any, rows: tuple[Ints, Ints], candidates: int
) -> Any:
    """Return the mean cross-entropy of each next item against items that are `known` (n,).

    `rows` as from `latest_items`. Where more are known than `candidates`, so many are drawn evenly
    and stand for all others (sampled softmax; Bengio & Senecal, IEEE Transactions on Neural
    Networks 2008). Of more positions than memory allows for, as many as it allows are drawn.
    """
    items, lengths = (torch.from_numpy(part).to(vectors.device) for part in rows)
    states = network(vectors, items[:, :-1])  # the last item is only a target
    inside = torch.arange(items.shape[1], device=items.device) < lengths[:, None]
    positions = inside.flatten().nonzero()[:, 0]
    others = known.nonzero()[:, 0]
    count = len(others)
    if candidates < count:
        others = others[torch.randperm(count)[:candidates].to(others.device)]
    most = max(1, _SCORES // len(others))
    if len(positions) > most:
        positions = positions[torch.randperm(len(positions))[:most].to(positions.device)]
    states, targets = states.flatten(0, 1)[positions], items.flatten()[positions]
    return _sampled_softmax(states, vectors, targets, others, count)


def _sampled_softmax(states: Any, vectors: Any, targets: Any, others: Any, count: int) -> Any:
    """Return the mean of -log softmax(state'v)[target], `others` standing for all `count` items."""
    column = torch.full((len(vectors),), -1, device=targets.device)
    column[others] = torch.arange(len(others), device=targets.device)
    own = column[targets]  # where the target is one of the others, it is left out there
    drawn = own >= 0
    scores = states @ vectors[others].T
    scores[drawn, own[drawn]] = torch.finfo(scores.dtype).min
    left = len(others) - drawn.to(scores.dtype)
    correction = torch.log(max(1, count - 1) / left.clamp(min=1))
    right = (states * vectors[targets]).sum(dim=1)
    return F.softplus(scores.logsumexp(dim=1) + correction - right).mean()


class TransformerBlock(nn.Module):
    """Causal attention and a network of two layers, each after a norm and residual."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention_input = nn.Linear(dim, 3 * dim)
        self.attention_output = nn.Linear(dim, dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Any) -> Any:
        """Return (b, l, dim)."""
        inputs = self.attention_input(self.before(states)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = inputs.permute(2, 0, 3, 1, 4)  # (b, heads, l, dim of a head)
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        states = states + self.drop(self.attention_output(attended.transpose(1, 2).flatten(2)))
        return states + self.drop(self.feed_forward(self.after(states)))
