"""Graph networks, what they output, and the losses of one training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.training.propagation import Propagation, normalize_symmetric
from polyrec.training.softmax import cross_entropy
from polyrec.types import Bools, Csr, Ints


class GraphOutput(NamedTuple):
    """Vectors of users and items after propagation."""

    own: Any  # (u, dim) of users, whatever their history
    reach: Any  # (n, dim) what an event adds to its user, times its weight in the graph
    items: Any  # (n, dim)
    content: Any = None  # (n, dim) what content adds to `reach` and `items`, where a loss needs it


class TrainingStep(NamedTuple):
    """A batch of users with all of their events."""

    users: Ints  # (b,)
    masked: Bools  # (b,) users whose own vectors are not used
    targets: Csr  # (b, n) weights of their events
    negatives: Ints | None  # (e,) one item for each event
    sample: Ints  # (s,) some items


class StepContext(NamedTuple):
    """The state of a training step, for losses added to the main one."""

    step: TrainingStep
    graph: Propagation  # of rows of items to the users of the step
    output: GraphOutput
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
        matrix = normalize_symmetric(weights)
        return cls(weights, matrix, Propagation.of(matrix, device))


class GraphNetwork(nn.Module):
    """Vectors of users and items that are propagated over a graph."""

    def __init__(self, shape: tuple[int, int], dim: int) -> None:
        super().__init__()
        self.users = nn.Parameter(0.1 * torch.randn(shape[0], dim))
        self.items = nn.Parameter(0.1 * torch.randn(shape[1], dim))

    def move_constants(self, device: Any) -> None:
        """Move what is no parameter to a device."""

    def forward(self, graph: Propagation) -> GraphOutput:
        """Return the vectors propagated over a graph."""
        raise NotImplementedError

    def extra_loss(self, context: StepContext) -> Any:  # noqa: ARG002
        """Return what is added to the main loss."""
        return 0.0


def light_layers(graph: Propagation, users: Any, items: Any, layers: int) -> GraphOutput:
    """Return the mean of layers 0..`layers` (LightGCN: He et al., SIGIR 2020, eq. 3 and 4).

    Layer l of users is the graph times layer l - 1 of items, so the layers of one user are a
    product with the sum of all items' layers but the last (`reach`), left to the caller.
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
    return GraphOutput(share * users, reach, share * torch.stack(spread).sum(dim=0))


def softmax_loss(users: Any, items: Any, targets: Csr, columns: Ints, temperature: float) -> Any:
    """Return the mean cross-entropy of events, by their weights, over all items.

    Of cosines over the temperature; `columns` are the rows of `items` that the entries of
    `targets` stand for.
    """
    indices, weights = (torch.from_numpy(x).to(users.device) for x in (columns, targets.data))
    rows, table = F.normalize(users, dim=1) / temperature, F.normalize(items, dim=1)
    return cross_entropy(rows, table, targets.indptr, indices, weights) / weights.sum()


def bpr_loss(users: Any, items: Any, events: Csr, negatives: Ints) -> Any:
    """Return the mean of -log sigmoid(u'v - u'w) over events, w the item drawn for each."""
    count = events.nnz
    ones = np.ones(count, np.float32)
    owners = sparse.csr_array((ones, rows_of(events), np.arange(count + 1)), (count, len(users)))
    # w - v of each event: a product whose gradient is one too, unlike that of picked rows
    pairs = np.stack([negatives, events.indices], axis=1).ravel()
    parts = (np.tile(np.array([1, -1], np.float32), count), pairs, np.arange(0, 2 * count + 1, 2))
    difference = sparse.csr_array(parts, (count, len(items)))
    products = ((owners, users), (difference, items))
    who, gap = (Propagation.of(m, users.device)(x) for m, x in products)
    weights = torch.from_numpy(events.data).to(users.device)
    return (weights * F.softplus((who * gap).sum(dim=1))).sum() / weights.sum()


def rows_of(matrix: Csr) -> Ints:
    """Return the row of each entry."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def contrastive_loss(first: Any, second: Any, temperature: float) -> Any:
    """Return InfoNCE: row i of the first matrix matches row i of the second, among its rows."""
    logits = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(first), device=logits.device))
