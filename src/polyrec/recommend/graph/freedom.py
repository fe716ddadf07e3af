"""A pruned graph of users and items, and a frozen graph of items of similar content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from polyrec.contracts import part
from polyrec.recommend.graph.content import ContentGraphRecommender
from polyrec.recommend.graph.losses import (
    Graph,
    GraphNetwork,
    GraphOutput,
    StepContext,
    light_layers,
)
from polyrec.recommend.item_graph import knn_graph, mix_graphs
from polyrec.training.propagation import Propagation
from polyrec.types import Csr, Floats


@part
class Freedom(ContentGraphRecommender):
    """LightGCN whose items add the vectors of their neighbours in content.

        v = mean of layers + `content` * A e,   A = sum_m w_m A_m      (Zhou & Shen, MM 2023, eq. 9)

    e are the items' own vectors and A_m the graph of each item's nearest in view m, made once and
    frozen. Each epoch learns on a share of 1 - `pruned` of the events, drawn with probability
    1 / sqrt(w_u w_i), so that edges of the popular and the busy go first (eq. 7); ranking uses all
    of them. `side` weighs the same loss over W_m x_m, the projected features alone (eq. 11).
    Features are centred, whitened and never learned. Published with `bpr`, weights of .1 for images
    and .9 for texts, and `pruned` .8; with `softmax`, pruning brings nothing (docs/decisions/0026).

    >>> Freedom(weights={"text": 0.9, "image": 0.1}).content
    1.0
    """

    content: float = 1.0
    pruned: float = 0.0
    side: float = 1e-3

    def _network(self, shape: tuple[int, int]) -> GraphNetwork:
        rows = {name: content["rows"] for name, content in self.content_.items()}
        graphs = {n: knn_graph(x, x, self.neighbours, same=True) for n, x in rows.items()}
        graph = mix_graphs(graphs, self._shares(), (shape[1], shape[1])) if rows else None
        return _Network(shape, self, rows, graph)

    def _graph_of_epoch(self, graph: Graph, order: np.random.Generator) -> Graph:
        if not self.pruned:
            return graph
        kept = _pruned(graph.weights, graph.matrix, self.pruned, order)
        return Graph.of(kept, graph.propagation.device)


class _Network(GraphNetwork):
    def __init__(
        self, shape: tuple[int, int], model: Freedom, rows: Mapping[str, Floats], graph: Csr | None
    ) -> None:
        super().__init__(shape, model.dim)
        self._model, self._item_graph = model, graph
        self.project = nn.ModuleList(nn.Linear(x.shape[1], model.dim) for x in rows.values())
        self._rows = [torch.from_numpy(x) for x in rows.values()]

    def move_constants(self, device: Any) -> None:
        self._rows = [x.to(device) for x in self._rows]
        graph = self._item_graph
        self._near = None if graph is None else Propagation.of(graph, device)

    def forward(self, graph: Propagation) -> GraphOutput:
        output = light_layers(graph, self.users, self.items, self._model.layers)
        if self._near is None:
            return output
        return output._replace(items=output.items + self._model.content * self._near(self.items))

    def extra_loss(self, context: StepContext) -> Any:
        if not self._model.side:
            return 0.0
        pairs = zip(self.project, self._rows, strict=True)
        return self._model.side * sum(context.loss(project(rows)) for project, rows in pairs)


def _pruned(weights: Csr, matrix: Csr, share: float, order: np.random.Generator) -> Csr:
    """Return the weights without a share of the edges, drawn by `matrix`: w_ui / sqrt(w_u w_i)."""
    # the largest of log p + Gumbel noise are a draw without replacement (Vieira, 2014)
    chances = np.log(matrix.data / weights.data) + order.gumbel(size=matrix.nnz)
    left = matrix.nnz - int(share * matrix.nnz)
    kept = weights.copy()
    kept.data[np.argsort(-chances, kind="stable")[left:]] = 0
    kept.eliminate_zeros()
    return kept
