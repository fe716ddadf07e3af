"""What recommenders over the graph of users and items share: training and scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from polyrec.compute.device import pick_device
from polyrec.contracts import learned, part
from polyrec.recommend.early_stopping import EarlyStoppedRecommender, ranking_watch
from polyrec.recommend.graph.losses import (
    Graph,
    GraphNetwork,
    GraphOutput,
    StepContext,
    TrainingStep,
    bpr_loss,
    rows_of,
    softmax_loss,
)
from polyrec.recommend.negative_sampling import draw_untaken
from polyrec.training.early_stop import EarlyStop
from polyrec.training.loop import Schedule, train
from polyrec.training.propagation import Propagation, symmetric_scales
from polyrec.types import Csr, Floats, Interactions, Ints, Query, Views

_PATIENCE = 10
_TRIES = 8  # draws until an item taken is accepted as one not taken


@part
class GraphRecommender(EarlyStoppedRecommender):
    """score = u'v, where u is the user's own vector and what the events of the history add.

        u = own_u + sum_i w_i reach_i / sqrt(sum_i w_i)

    The sum is what the layers of a graph network compute, so for a trained user with the history of
    train the score is the network's; an event of the last second adds as those of train did, and
    an unknown user has own_u = 0. In training, own vectors are masked with probability `hide`, so
    that histories suffice without them.

    Losses, over all events of `batch` users at a step: `softmax`, cross-entropy over all items of
    cos(u, v) / `temperature`; `bpr`, u'v of an event above that of an item drawn at random
    (Rendle et al., UAI 2009). With `valid`, training stops where the ranking is best.
    """

    dim: int = 64
    layers: int = 2
    loss: Literal["softmax", "bpr"] = "softmax"
    temperature: float = 0.2
    hide: float = 0.3
    epochs: int = 40
    rate: float = 1e-2
    batch: int = 512
    weight_decay: float = 1e-2
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 16, "epochs": 20}

    own_: Floats = learned()  # (u, dim)
    reach_: Floats = learned()  # (n, dim)
    items_: Floats = learned()  # (n, dim) length 1 for softmax

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [{"temperature": (0.1, 0.15, 0.2, 0.25)}, {"layers": (1, 2, 3)}]

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:  # noqa: ARG002
        events = train.positives()
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._network(events.shape).to(device)
            network.move_constants(device)
            self._train(network, Graph.of(events, device), train, valid)

    def _score(self, query: Query) -> Floats:
        """Return (b, n) scores; items without behaviour and content come last."""
        history = query.matrix(len(self.popularity_))
        history.data = np.maximum(history.data, 0)
        weight = np.asarray(history.sum(axis=1)).reshape(-1, 1)
        users = np.asarray(history @ self.reach_ / np.sqrt(np.maximum(weight, 1e-12)), np.float32)
        known = (query.users >= 0) & (query.users < len(self.own_))
        users[known] += self.own_[query.users[known]]
        if self.loss == "softmax":
            users = normalize_rows(users)
        scores: Floats = users @ self.items_.T
        zero = ~self.items_.any(axis=1)
        if zero.any():
            scores[:, zero] = scores.min(axis=1, keepdims=True) - 1
        return scores

    def _network(self, shape: tuple[int, int]) -> GraphNetwork:
        raise NotImplementedError

    def _graph_of_epoch(self, graph: Graph, order: np.random.Generator) -> Graph:  # noqa: ARG002
        """Return the graph that is trained on in an epoch."""
        return graph

    def _keep(self, scales: Floats, output: GraphOutput) -> None:
        """Keep what the network computes; items that nobody took have zeros."""
        own, reach, items = (table.detach().cpu().numpy() for table in output[:3])
        warm = self.popularity_[:, None] > 0
        self.own_, self.reach_ = own, reach * scales[:, None]
        self.items_ = np.where(warm, normalize_rows(items) if self.loss == "softmax" else items, 0)

    def _train(
        self, network: GraphNetwork, graph: Graph, events: Interactions, valid: Interactions | None
    ) -> None:
        matrix = events.positives()
        _, scales = symmetric_scales(matrix)
        known = np.flatnonzero(self.popularity_ > 0)
        training = _Training(self, network, graph, matrix, known)

        def keep() -> None:
            with torch.no_grad():
                self._keep(scales, network(graph.propagation))

        def measure(watch: EarlyStop) -> float:
            keep()
            return watch.measure()

        watch = ranking_watch(self.score, events, valid)
        if watch is not None:
            watch = replace(watch, measure=partial(measure, watch))
        schedule = Schedule(self.epochs, self.rate, self.weight_decay, _PATIENCE, kind="constant")
        self.curve_ = train(
            network, training.steps, training.loss, valid=watch, schedule=schedule, seed=self.seed,
            name=type(self).__name__.lower(),
        )  # fmt: skip
        keep()


class _Training:
    """The steps of an epoch, and their loss."""

    def __init__(
        self, model: GraphRecommender, network: GraphNetwork, graph: Graph, matrix: Csr, known: Ints
    ) -> None:
        self._model, self._network, self._graph = model, network, graph
        self._matrix, self._known = matrix, known
        self._graph_now = graph
        self._keys = np.sort(rows_of(matrix) * matrix.shape[1] + matrix.indices)
        self._column = np.zeros(matrix.shape[1], np.int64)
        self._column[known] = np.arange(len(known))

    def steps(self, order: np.random.Generator) -> Iterator[TrainingStep]:
        """Return an epoch's batches of users, in random order."""
        model = self._model
        self._graph_now = model._graph_of_epoch(self._graph, order)
        users = order.permutation(np.flatnonzero(np.diff(self._matrix.indptr)))
        for start in range(0, len(users), model.batch):
            batch = users[start : start + model.batch]
            masked = order.random(len(batch)) < model.hide
            targets = self._matrix[batch]
            negatives = self._negatives(batch, targets, order) if model.loss == "bpr" else None
            sample = order.permutation(self._known)[: model.batch]
            yield TrainingStep(batch, masked, targets, negatives, sample)

    def loss(self, step: TrainingStep) -> Any:
        """Return the loss of a step."""
        output = self._network(self._graph_now.propagation)
        device = output.items.device
        kept = torch.from_numpy(~step.masked).to(device, output.own.dtype)
        own = output.own.index_select(0, torch.from_numpy(step.users).to(device))
        graph = Propagation.of(self._graph_now.matrix[step.users], device)
        users = kept[:, None] * own + graph(output.reach)
        loss = partial(self._main_loss, users, step)
        extra = self._network.extra_loss(StepContext(step, graph, output, loss))
        return loss(output.items) + extra

    def _main_loss(self, users: Any, step: TrainingStep, items: Any) -> Any:
        """Return the loss of (b, dim) users of a step over an (n, dim) table of items."""
        if step.negatives is not None:
            return bpr_loss(users, items, step.targets, step.negatives)
        if len(self._known) < len(items):
            items = items.index_select(0, torch.from_numpy(self._known).to(items.device))
        columns = self._column[step.targets.indices]
        return softmax_loss(users, items, step.targets, columns, self._model.temperature)

    def _negatives(self, users: Ints, targets: Csr, order: np.random.Generator) -> Ints:
        """Return an item for each event that its user did not take, if possible."""
        owners = users[rows_of(targets)] * self._matrix.shape[1]
        return draw_untaken(order, owners, self._keys, self._known, tries=_TRIES)


def normalize_rows(rows: Floats) -> Floats:
    """Return the rows at length 1, zero rows as they are."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
