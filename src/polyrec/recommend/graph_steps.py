"""What graph networks give, and the losses of one step of learning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.engine.propagation import Propagation, symmetric
from polyrec.types import Bools, Csr, Ints


class Tables(NamedTuple):
    """What a graph network makes of users and items."""

    own: Any  # (u, dim) of users, whatever their history
    reach: Any  # (n, dim) what an event adds to its user, by its weight in the graph
    items: Any  # (n, dim)
    side: Any = None  # (n, dim) what content adds to the two before, where a loss asks for it


class Step(NamedTuple):
    """Some users with all of their events."""

    users: Ints  # (b,)
    hidden: Bools  # (b,) whose own vectors are not used
    targets: Csr  # (b, n) weights of their events
    negatives: Ints | None  # (e,) one item for each event
    sample: Ints  # (s,) some items


class Learned(NamedTuple):
    """What a step is about to learn from, for losses beside the main one."""

    step: Step
    graph: Propagation  # of rows of items to the users of the step
    tables: Tables
    loss: Callable[[Any], Any]  # the main loss over another (n, dim) table of items


@dataclass(frozen=True)
class Graph:
    """The symmetrically normalised graph of users and items."""

    weights: Csr  # (u, n) before
    matrix: Csr  # (u, n)
    propagation: Propagation  # of rows of items to users

    @classmethod
    def of(cls, weights: Csr, device: Any) -> Self:
        """Normalise weights >= 0."""
        matrix = symmetric(weights)
        return cls(weights, matrix, Propagation.of(matrix, device))


class GraphNetwork(nn.Module):
    """Vectors of users and items that a graph spreads."""

    def __init__(self, shape: tuple[int, int], dim: int) -> None:
        super().__init__()
        self.users = nn.Parameter(0.1 * torch.randn(shape[0], dim))
        self.items = nn.Parameter(0.1 * torch.randn(shape[1], dim))

    def place(self, device: Any) -> None:
        """Bring what is no weight to a device."""

    def forward(self, graph: Propagation) -> Tables:
        """Return the tables over a graph."""
        raise NotImplementedError

    def beside(self, learned: Learned) -> Any:  # noqa: ARG002
        """Return what else to make small."""
        return 0.0


def light_layers(graph: Propagation, users: Any, items: Any, layers: int) -> Tables:
    """Return the mean of layers 0..`layers` (LightGCN: He et al., SIGIR 2020, eq. 3 and 4).

    Layer l of users is the graph times layer l - 1 of items, so the layers of one user are a
    product with the sum of all items' layers but the last: it is left to who asks (`reach`).
    """
    to_items = graph.transposed
    own, reached, spread = users, items, [items]
    for layer in range(layers):
        towards = to_items(own)
        if layer + 1 < layers:
            own = graph(reached)
        reached = towards
        spread.append(reached)
    share = 1 / (layers + 1)
    reach = share * torch.stack(spread[:-1]).sum(dim=0) if layers else torch.zeros_like(items)
    return Tables(share * users, reach, share * torch.stack(spread).sum(dim=0))


def softmax(users: Any, items: Any, targets: Csr, columns: Ints, temperature: float) -> Any:
    """Return the mean cross-entropy of events, by their weights, over all items.

    `columns` are the rows of `items` that the entries of `targets` stand for.
    """
    logits = F.normalize(users, dim=1) @ F.normalize(items, dim=1).T / temperature  # (b, n)
    weights = torch.from_numpy(targets.data).to(logits.device)
    rows = torch.repeat_interleave(
        torch.arange(len(logits), device=logits.device),
        torch.from_numpy(targets.indptr).to(logits.device).diff(),
    )
    flat = rows * logits.shape[1] + torch.from_numpy(columns).to(logits.device)
    chosen = logits.reshape(-1).index_select(0, flat)
    spent = logits.logsumexp(dim=1).index_select(0, rows)
    return (weights * (spent - chosen)).sum() / weights.sum()


def bpr(users: Any, items: Any, step: Step) -> Any:
    """Return the mean of -log sigmoid(u'v - u'w) over events, w the item drawn for each."""
    targets = step.targets
    weights = torch.from_numpy(targets.data).to(users.device)
    counts = torch.from_numpy(targets.indptr).to(users.device).diff()
    who = torch.repeat_interleave(users, counts, dim=0)
    pair = (targets.indices.astype("int64"), step.negatives)
    taken, other = (F.embedding(torch.from_numpy(i).to(items.device), items) for i in pair)
    return (weights * F.softplus((who * (other - taken)).sum(dim=1))).sum() / weights.sum()


def contrast(first: Any, second: Any, temperature: float) -> Any:
    """Return InfoNCE: row i of one is to find row i of the other among its rows."""
    logits = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(first), device=logits.device))
