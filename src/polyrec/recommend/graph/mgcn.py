"""Content gated by behaviour, propagated over graphs of similar items, with a contrastive loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.recommend.graph.content import ContentGraphRecommender
from polyrec.recommend.graph.losses import (
    GraphNetwork,
    GraphOutput,
    StepContext,
    contrastive_loss,
    light_layers,
)
from polyrec.recommend.item_graph import knn_graph
from polyrec.training.propagation import Propagation
from polyrec.types import Csr, Floats


@part
class MGCN(ContentGraphRecommender):
    """LightGCN and a content branch gated by behaviour (after MGCN: Yu et al., MM 2023).

        z_m = e * sigmoid(MLP_m(x_m)),  s_m = A_m z_m           gated by item, smoothed over view m
        c = sum_m a_m s_m,  a = softmax_m(q'tanh(W s_m))        what the views share
        s = (c + sum_m sigmoid(P_m v) * (s_m - c)) / (1 + m)    and what is specific, gated by v
        item = v + s,  user = u + sum_i w_ui / sqrt(w_u w_i) s_i

    e are own vectors, v and u the means of LightGCN's layers, A_m the row-normalised graph of each
    item's nearest in view m. `contrast` weighs InfoNCE between s and v, of some items, and between
    what s and what v bring to users from their items.
    Unlike the paper, users take s of their items after the views are joined, not view by view, so
    that an event of the last second counts; the graphs' rows add up to 1, and features are
    centred, whitened and frozen. Published with `bpr`.

    >>> MGCN(contrast=0).neighbours
    10
    """

    contrast: float = 0.1
    contrast_temperature: float = 0.2

    def _network(self, shape: tuple[int, int]) -> GraphNetwork:
        rows = {name: content["rows"] for name, content in self.content_.items()}
        graphs = [knn_graph(x, x, self.neighbours, same=True) for x in rows.values()]
        return _Network(shape, self, rows, graphs)


class _Network(GraphNetwork):
    def __init__(
        self, shape: tuple[int, int], model: MGCN, rows: Mapping[str, Floats], graphs: list[Csr]
    ) -> None:
        super().__init__(shape, model.dim)
        self._model, self._graphs = model, graphs
        dim, count = model.dim, len(rows)
        self._rows = [torch.from_numpy(x) for x in rows.values()]
        self.gates = nn.ModuleList(
            nn.Sequential(nn.Linear(x.shape[1], dim), nn.Linear(dim, dim), nn.Sigmoid())
            for x in rows.values()
        )
        self.common = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, 1, bias=False))
        self.prefer = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, dim), nn.Sigmoid()) for _ in range(count)
        )

    def move_constants(self, device: Any) -> None:
        self._rows = [x.to(device) for x in self._rows]
        self._present = [x.any(dim=1)[:, None] for x in self._rows]
        self._near = [Propagation.of(graph, device) for graph in self._graphs]

    def forward(self, graph: Propagation) -> GraphOutput:
        output = light_layers(graph, self.users, self.items, self._model.layers)
        if not self._rows:
            return output
        content = self._content(output.items)
        return GraphOutput(output.own, output.reach + content, output.items + content, content)

    def extra_loss(self, context: StepContext) -> Any:
        _, reach, items, content = context.output
        if content is None or not self._model.contrast:
            return 0.0
        sample = torch.from_numpy(context.step.sample).to(content.device)
        of_users, temperature = context.graph(content), self._model.contrast_temperature
        by_item = contrastive_loss(content[sample], (items - content)[sample], temperature)
        by_user = contrastive_loss(of_users, context.graph(reach) - of_users, temperature)
        return self._model.contrast * (by_item + by_user)

    def _content(self, behaviour: Any) -> Any:
        """Return (n, dim) s, given v."""
        parts = zip(self._near, self.gates, self._rows, strict=True)
        views = torch.stack([near(self.items * gate(x)) for near, gate, x in parts])  # (m, n, dim)
        present = torch.stack(self._present)  # (m, n, 1)
        shares = torch.softmax(self.common(views).masked_fill(~present, -1e9), dim=0)
        common = (shares * views).sum(dim=0)
        preferred = torch.stack([prefer(behaviour) for prefer in self.prefer])
        specific = (present * preferred * (views - common)).sum(dim=0)
        return (common + specific) / (1 + len(views))
