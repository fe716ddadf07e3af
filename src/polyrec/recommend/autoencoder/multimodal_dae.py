"""A denoising autoencoder whose decoder is smoothed over items of similar content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.contracts import learned, part
from polyrec.errors import FitError
from polyrec.recommend.autoencoder.base import Autoencoder, HistoryBatch, init_table
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import check_weights, readable
from polyrec.recommend.item_graph import ContentSimilarity, knn_graph, mix_graphs
from polyrec.types import FUSED, Bools, Csr, Embeddings, Floats, Interactions, Ints, Views


@part
class MultimodalDAE(Autoencoder):
    """logits = tanh(r E) (D + g A D)' + b: a `MultiDAE`, its decoder smoothed over content.

    A = sum_m w_m A_m links each item to its `neighbours` nearest in every view, among those that
    someone took; its rows add up to 1, and g is `smoothing`. So an item is offered to those who
    like its neighbours. One that nobody took has no row of its own: its decoder row is g A D at
    `fresh` times the mean length of the others, its row of E and its b are its neighbours' mean;
    `add_items` does the same for new items. Without content it is a `MultiDAE`.

    >>> MultimodalDAE(weights={"text": 1.0}).smoothing
    1.0
    """

    weights: dict[str, float] | None = None  # view -> w_m >= 0, made to add up to 1; None: equal
    neighbours: int = 10
    smoothing: float = 1.0
    fresh: float = 0.9  # length of a new item's decoder row, in units of the others' mean

    shares_: dict[str, float] = learned()  # w of views read
    similarity_: dict[str, dict[str, Floats]] = learned()
    rows_: dict[str, Floats] = learned()  # (n, r), 0: untaken

    def build(self, train: Interactions, items: Views) -> Any:
        """Return the untrained network over the content graph."""
        self.shares_ = self._shares(items)
        compared = {name: _centred(items[name]) for name in self.shares_}
        self.similarity_ = {name: dict(vars(similarity)) for name, similarity in compared.items()}
        taken = self.popularity_ > 0
        rows = {name: similarity.rows(items[name]) for name, similarity in compared.items()}
        self.rows_ = {n: np.where(taken[:, None], r, np.float32(0)) for n, r in rows.items()}
        graph = self._graph(rows, train.shape[1], same=True)
        return Smoothed(self, graph, torch.from_numpy(taken))

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        absent = set(self.rows_) - set(views)
        if absent:
            raise FitError("a view is missing", received=sorted(views), remedy=f"give {absent}")
        count = count_items(views)
        rows = {n: ContentSimilarity(**self.similarity_[n]).rows(views[n]) for n in self.rows_}
        graph = self._graph(rows, count, same=False)
        first = graph.shape[1]  # rows of earlier additions are no neighbours
        fresh = {
            "encoder": graph @ self.tables_["encoder"][:first],
            "own": np.zeros((count, self.dim), np.float32),
            "decoder": self._at_length(graph @ self.tables_["own"][:first]),
            "bias": graph @ self.tables_["bias"][:first],
        }
        grown = self._grown(count)
        joined = {k: np.concatenate([self.tables_[k], v]) for k, v in fresh.items()}
        grown.tables_ = {**self.tables_, **joined}
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, stage by stage."""
        names = readable(items)
        alone = [{name: 1.0} for name in names]
        return [
            {"weights": [*alone, None]} if len(names) > 1 else {},
            {"smoothing": (0.5, 1.0, 2.0)} if names else {},
            {"dropout": (0.3, 0.5)},
        ]

    def _informative(self, items: Ints) -> Bools:
        return np.asarray(self.tables_["encoder"][items].any(axis=1))

    def _shares(self, items: Views) -> dict[str, float]:
        check_weights(self.weights, items)
        known = {*readable(items), *({FUSED} & set(items) if self.weights else ())}
        shares = self.weights or dict.fromkeys(known, 1.0)
        kept = {name: shares[name] for name in sorted(known) if shares.get(name, 0) > 0}
        return {name: share / sum(kept.values()) for name, share in kept.items()}

    def _at_length(self, rows: Floats) -> Floats:
        """Return new items' decoder rows, `fresh` times as long as the others' on average."""
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        known = np.linalg.norm(self.tables_["decoder"][self.popularity_ > 0], axis=1)
        usual = self.fresh * known.mean() if len(known) else 0.0
        return np.asarray(rows * usual / np.maximum(lengths, 1e-12), np.float32)

    def _graph(self, rows: Mapping[str, Floats], count: int, *, same: bool) -> Csr:
        """Return A (count, n) from these rows to the items at fit that someone took."""
        graphs = {
            name: knn_graph(rows[name], self.rows_[name], self.neighbours, same=same)
            for name in self.shares_
        }
        known = len(next(iter(self.rows_.values()), self.popularity_))
        return mix_graphs(graphs, self.shares_, (count, known))


class Smoothed(nn.Module):
    """The tables of a `MultimodalDAE` and its graph."""

    def __init__(self, model: MultimodalDAE, graph: Csr, taken: Any) -> None:
        super().__init__()
        self.dropout, self.smoothing, self.fresh = model.dropout, model.smoothing, model.fresh
        items = graph.shape[0]
        self.encoder = init_table(items, model.dim)
        self.own = init_table(items, model.dim)
        self.bias = nn.Parameter(torch.zeros(items))
        self.register_buffer("taken", taken, persistent=False)
        for name, tensor in HistoryBatch.of(graph, "cpu")._asdict().items():
            self.register_buffer(f"near_{name}", tensor, persistent=False)

    def loss(self, rows: HistoryBatch, generator: Any) -> Any:
        """Return the loss of a batch of histories, each masked in part."""
        codes = rows.codes(self.encoder, self.dropout, generator)
        decoder, bias = self._decoder()
        return rows.loss(codes, decoder, bias)

    def tables(self) -> dict[str, Any]:
        """Return what scoring needs, and the decoder's own rows."""
        known = self.taken[:, None]
        decoder, bias = self._decoder()
        lengths = decoder.norm(dim=1, keepdim=True)
        if self.taken.any():  # smoothed rows alone are short: nobody would be offered such items
            usual = self.fresh * lengths[self.taken].mean()
            decoder = torch.where(known, decoder, decoder * usual / lengths.clamp(min=1e-12))
        unknown = ~self.taken  # items without behaviour and without neighbours
        unknown[self.near_users] = False
        if self.taken.any():
            bias = torch.where(unknown, bias[self.taken].min(), bias)
        return {
            "encoder": torch.where(known, self.encoder, self._mean(self.encoder)),
            "decoder": decoder,
            "bias": bias,
            "own": self.own * known,
        }

    def _decoder(self) -> tuple[Any, Any]:
        """Return (n, d) rows and (n,) biases; only items that someone took have their own."""
        near = self._mean(torch.cat([self.own, self.bias[:, None]], dim=1))
        decoder = self.taken[:, None] * self.own + self.smoothing * near[:, :-1]
        return decoder, torch.where(self.taken, self.bias, near[:, -1])

    def _mean(self, values: Any) -> Any:
        """Return A times a (n, d) table; rows without neighbours are 0."""
        return F.embedding_bag(
            self.near_items,
            values,
            self.near_starts,
            mode="sum",
            per_sample_weights=self.near_weights,
        )


def _centred(view: Embeddings) -> ContentSimilarity:
    """Return how items are compared: by the cosine of centred rows, all directions as they are."""
    return replace(ContentSimilarity.of(view), directions=np.eye(view.width, dtype=np.float32))
