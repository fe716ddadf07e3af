"""Vectors of users and items, propagated over the graph of their interactions."""

from __future__ import annotations

from polyrec.contracts import part
from polyrec.recommend.graph.base import GraphRecommender
from polyrec.recommend.graph.losses import GraphNetwork, GraphOutput, light_layers
from polyrec.training.propagation import Propagation


@part
class LightGCN(GraphRecommender):
    """The mean of `layers` + 1 layers, each the normalised graph times the one before.

        u_l = sum_i w_ui / sqrt(w_u w_i) v_(l-1),i      v_l likewise over the item's users

    w_u and w_i are the sums of a user's and an item's weights (He et al., SIGIR 2020, eq. 3, where
    all weights are 1). Published with the loss `bpr`; the default `softmax` is better in less time
    on every data set tried (docs/decisions/0025). Cost: at each step 2 `layers` - 1 sparse
    products there and back, and for `softmax` a product of `batch` users with all items.

    >>> LightGCN(loss="bpr").layers
    2
    """

    def _network(self, shape: tuple[int, int]) -> GraphNetwork:
        return _Network(shape, self.dim, self.layers)


class _Network(GraphNetwork):
    def __init__(self, shape: tuple[int, int], dim: int, layers: int) -> None:
        super().__init__(shape, dim)
        self._layers = layers

    def forward(self, graph: Propagation) -> GraphOutput:
        return light_layers(graph, self.users, self.items, self._layers)
