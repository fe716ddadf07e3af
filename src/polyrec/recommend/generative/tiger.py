"""Generative retrieval: write the semantic id of the next item token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch

from polyrec.compute.device import pick_device
from polyrec.contracts import cached, learned, part
from polyrec.errors import FitError
from polyrec.index.semantic_ids import ResidualKMeans, number_collisions, quantise
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import content_means, content_rows
from polyrec.recommend.early_stopping import EarlyStoppedRecommender, ranking_watch
from polyrec.recommend.generative.code_transformer import (
    CodeTransformer,
    CodeTrie,
    beam_scores,
    next_code_loss,
)
from polyrec.recommend.sequence.transformer import (
    latest_items,
    liked_only,
    training_batches,
)
from polyrec.training.loop import Schedule, train
from polyrec.types import Bools, Floats, Interactions, Ints, Query, Views

_BATCH = 64  # rows whose beams are searched at once


@part
class Tiger(EarlyStoppedRecommender):
    """score = log p(code of the item | history), the code written token by token.

    After Rajput et al., "Recommender systems with generative retrieval" (TIGER), NeurIPS 2023. An
    item's code is its content by residual k-means (`levels` tokens of `size` values), and a last
    token that parts items of equal code. Items have no parameters of their own: histories are read
    as sums of token vectors by a causal transformer, whose last state a second one continues. What
    differs from TIGER: k-means for an RQ-VAE, and a decoder that sees the history through that
    state alone. Lists are a beam search over the codes that items have; items beyond the beam
    follow, by the prefix that it reached. An item without events has a code by its content. Items
    without content share one code: they are told apart by the last token alone, as item numbers.

    >>> Tiger(levels=2).beam
    50
    """

    levels: int = 3
    size: int = 64  # values of a token
    beam: int = 50
    dim: int = 64
    layers: int = 1
    heads: int = 2
    history: int = 100  # latest events that are read
    repeats: bool = False  # train on items that were taken again, and stop with nothing hidden
    dropout: float = 0.3
    epochs: int = 40
    rate: float = 5e-3
    batch: int = 64  # histories
    weight_decay: float = 0.1
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {
        "levels": 2, "size": 4, "dim": 16, "epochs": 60, "rate": 1e-2,
    }  # fmt: skip

    weights_: dict[str, Floats] = learned()
    means_: dict[str, Floats] = learned()  # of the views read
    codebooks_: dict[str, Floats] = learned()  # level -> (size, d)
    codes_: Ints = learned()  # (n, levels + 1)
    informative_: Bools = learned()  # (n,) items with events or content
    _network: CodeTransformer | None = cached()
    _trie: CodeTrie | None = cached()

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = count_items(views)
        rows = content_rows(views, self.means_, count)
        codes = quantise(rows, list(self.codebooks_.values()))
        last = number_collisions(codes, known=self.codes_[:, :-1])
        last %= len(self.weights_[f"tokens.{self.levels}"])  # beyond, items share a whole code
        grown = self._grown(count)
        grown.codes_ = np.concatenate([self.codes_, np.column_stack([codes, last])])
        grown.informative_ = np.concatenate([self.informative_, rows.any(axis=1)])
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [
            {"dropout": (0.1, 0.3, 0.5)},
            {"rate": (0.002, 0.005), "layers": (1, 2)},
            {"weight_decay": (0.1, 1.0)},
            {"size": (32, 128)},
        ]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {
            "dim": [32, 64, 128],
            "layers": [1, 2, 3],
            "levels": [2, 3, 4],
            "size": [32, 64, 128, 256],
            "dropout": {"low": 0, "high": 0.7},
            "rate": {"low": 0.0005, "high": 0.01, "log": True},
            "weight_decay": {"low": 0.01, "high": 3, "log": True},
        }

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        self._check()
        self.means_ = content_means(items)
        rows = content_rows(items, self.means_, train.shape[1])
        present = rows.any(axis=1)
        quantiser = ResidualKMeans(self.levels, self.size, seed=self.seed).fit(rows[present])
        self.codebooks_ = {str(i): book for i, book in enumerate(quantiser.codebooks)}
        codes = quantiser.encode(rows)
        self.codes_ = np.column_stack([codes, number_collisions(codes)])
        self.informative_ = present | (self.popularity_ > 0)
        sizes = (*map(len, quantiser.codebooks), int(self.codes_[:, -1].max()) + 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._build(sizes).to(pick_device(self.device))
            self.curve_ = self._train(network, train, valid)
        state = network.cpu().state_dict()
        self.weights_ = {name: value.numpy().copy() for name, value in state.items()}
        self._network = self._trie = None

    def _check(self) -> None:
        if self.dim % self.heads:
            raise FitError("heads must divide dim", received=(self.dim, self.heads),
                           remedy="give dim 64 and heads 2, say")  # fmt: skip
        if self.beam < 1:
            raise FitError("beam must be over 0", received=self.beam, remedy="give beam 50, say")

    def _train(
        self, network: CodeTransformer, events: Interactions, valid: Interactions | None
    ) -> list[float]:
        device = next(network.parameters()).device
        codes, trie = torch.from_numpy(self.codes_).to(device), CodeTrie.of(self.codes_)
        batches = training_batches(
            events, repeats=self.repeats, longest=self.history, size=self.batch
        )

        def loss(batch: Query) -> Any:
            return next_code_loss(network, codes, latest_items(batch, self.history))

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=5)
        watch = ranking_watch(
            lambda query: self._scores(network, codes, trie, query),
            events,
            valid,
            every=4,
            repeats=self.repeats,
        )
        return train(
            network, batches, loss, valid=watch, schedule=schedule, seed=self.seed, name="tiger"
        )

    def _score(self, query: Query) -> Floats:
        if self._network is None:
            sizes = tuple(len(self.weights_[f"tokens.{i}"]) for i in range(self.levels + 1))
            network = self._build(sizes)
            network.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights_.items()})
            self._network = network.eval()
        if self._trie is None:
            self._trie = CodeTrie.of(self.codes_)
        with torch.inference_mode():
            return self._scores(self._network, torch.from_numpy(self.codes_), self._trie, query)

    def _scores(self, network: CodeTransformer, codes: Any, trie: CodeTrie, query: Query) -> Floats:
        """Return (b, n) log-probabilities."""
        rows, lengths = latest_items(liked_only(query), self.history)
        scores = [np.zeros((0, len(codes)), np.float32)]
        for start in range(0, len(rows), _BATCH):
            part = slice(start, start + _BATCH)
            states = network.read(codes, torch.from_numpy(rows[part]).to(codes.device))
            last = states[torch.arange(len(states)), torch.from_numpy(lengths[part])]
            scores.append(beam_scores(network, last, trie, self.beam))
        return np.concatenate(scores)

    def _informative(self, items: Ints) -> Bools:
        return np.asarray(self.informative_[items])

    def _build(self, sizes: tuple[int, ...]) -> CodeTransformer:
        return CodeTransformer(
            sizes, self.dim, layers=self.layers, heads=self.heads, longest=self.history,
            dropout=self.dropout,
        )  # fmt: skip
