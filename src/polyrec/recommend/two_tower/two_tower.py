"""Two towers: a user's history and an item's content and identity meet in one space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import nn

from polyrec.compute.device import pick_device
from polyrec.contracts import cached, learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import BaseRecommender, count_items
from polyrec.recommend.two_tower.end_to_end import EndToEndNetwork
from polyrec.recommend.two_tower.end_to_end_inputs import EndToEndInputs
from polyrec.recommend.two_tower.network import EventBatch, ItemOutput, Towers, tower_loss
from polyrec.training.item_factors import factorize_items
from polyrec.training.loop import Schedule, train
from polyrec.types import FUSED, Bools, Embeddings, Floats, Interactions, Ints, Query, Views

_HELD_OUT = 20  # every twentieth event decides when to stop
_PATIENCE = 5


@part
class TwoTower(BaseRecommender):
    """score = u'v / t + b: v from an item's fused content and its own vector, u from the history.

        v = unit(e_i + MLP(x_i)),  b = a_i + w'MLP(x_i)      an item that nobody took has e = a = 0
        p = mean of v over the history,  u = unit(p + MLP(p))

    x is the fused view of whatever fuser the run has, or all views side by side. In training, an
    item's own e and a are masked with probability `hide`, so that content suffices without them
    (DropoutNet, Volkovs et al., NIPS 2017). Heads: `in_batch`, softmax over the batch's items with
    log q taken off (Yi et al., RecSys 2019); `softmax`, over all items (next item); `sigmoid`,
    binary cross-entropy against `negatives` drawn items (click). e begins at behaviour's factors.
    With `attend` the views z_m are read one by one, and s sum_m softmax_m(k u'z_m) u'z_m is added.

    >>> TwoTower(head="sigmoid").negatives
    8
    """

    dim: int = 64
    head: Literal["in_batch", "softmax", "sigmoid"] = "in_batch"
    epochs: int = 40
    rate: float = 2e-3
    batch: int = 1024
    weight_decay: float = 1e-2
    hide: float = 0.3
    negatives: int = 8
    attend: bool = False  # each user weighs an item's views, u being the query
    history: int = 200  # latest events of a user that are read
    end_to_end: bool = False  # a run then trains the encoders and the fuser with it
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True

    weights_: dict[str, Floats] = learned()
    items_: dict[str, Floats] = learned()  # of `ItemOutput`
    informative_: Bools = learned()  # (n,) items that someone took or that have content
    widths_: dict[str, int] = learned()  # of the views read
    losses_: list[float] = learned()  # on the events held out
    _network: Towers | None = cached()

    def fit_end_to_end(self, train: Interactions, items: Views, inputs: EndToEndInputs) -> None:
        """Train both towers anew, as one network with the encoders and the fuser before them.

        After `fit`, with the same `items`. Encoders and fuser keep what they learn: make the items
        anew with them, then call `refresh_item_vectors`.
        """
        generator = torch.Generator().manual_seed(self.seed)
        present = torch.from_numpy(self._content(items, train.shape[1])[1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            towers = self._initial_towers(train)
            network = EndToEndNetwork(inputs, list(self.widths_), generator)
            network.to(pick_device(self.device))
            joint = nn.ModuleDict({"towers": towers, "end_to_end": network})
            setup = _Setup(towers, joint, network.content, present, (generator,))
            self.losses_ = self._train(setup, train)
        self._keep(towers)
        network.keep()

    def refresh_item_vectors(self, items: Views) -> Self:
        """Run the item tower over these views for the items of the catalogue."""
        content, present = self._content(items, len(self.popularity_))
        taken = self.popularity_ > 0
        self.items_ = self._item_output(content, present, taken)
        self.informative_ = taken | present.any(axis=1)
        return self

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = count_items(views)
        grown = self._grown(count)
        content, present = self._content(views, count)
        fresh = self._item_output(content, present, np.zeros(count, bool))
        grown.items_ = {k: np.concatenate([v, fresh[k]]) for k, v in self.items_.items()}
        grown.informative_ = np.concatenate([self.informative_, present.any(axis=1)])
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [{"weight_decay": (0.01, 0.1, 1.0)}, {"hide": (0.1, 0.3, 0.6)}]

    def _fit(self, train: Interactions, items: Views, _valid: Interactions | None) -> None:
        single = FUSED in items and not self.attend
        names = [FUSED] if single else [name for name in sorted(items) if name != FUSED]
        self.widths_ = {name: items[name].width for name in names}
        content, present = (torch.from_numpy(x) for x in self._content(items, train.shape[1]))
        content = content.to(pick_device(self.device))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            towers = self._initial_towers(train)
            setup = _Setup(towers, towers, lambda _, learning: content, present)  # noqa: ARG005
            self.losses_ = self._train(setup, train)
        self._keep(towers)
        self.refresh_item_vectors(items)

    def _score(self, query: Query) -> Floats:
        history = query.matrix(len(self.popularity_))
        history.data = np.maximum(history.data, 0)
        total = np.maximum(np.asarray(history.sum(axis=1)).reshape(-1, 1), 1e-9)
        means = np.asarray((history @ self.items_["vectors"]) / total, np.float32)
        network = self._loaded()
        with torch.inference_mode():
            users = network.users(torch.from_numpy(means))
            items = ItemOutput(**{k: torch.from_numpy(v) for k, v in self.items_.items()})
            scores: Floats = network.scores(users, items).numpy()
        return scores

    def _informative(self, items: Ints) -> Bools:
        return self.informative_[items]

    def _loaded(self) -> Towers:
        """Return the trained towers, on the CPU."""
        if self._network is None:
            count, dim = self.weights_["own"].shape
            network = self._towers(count, dim)
            network.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights_.items()})
            self._network = network.eval()
        return self._network

    def _towers(self, count: int, dim: int) -> Towers:
        return Towers(count, list(self.widths_.values()), dim, attend=self.attend)

    def _content(self, items: Views, count: int) -> tuple[Floats, Bools]:
        """Return (n, sum of widths) the views side by side, absent rows 0, and (n, m) presence.

        A view of another width than at fit raises `FitError`.
        """
        blocks, present = [np.zeros((count, 0), np.float32)], [np.zeros((count, 0), bool)]
        for name, width in self.widths_.items():
            absent = Embeddings(np.zeros((count, width), np.float32), np.zeros(count, bool))
            view = items.get(name, absent)
            if view.width != width:
                remedy = f"encode and fuse it as at fit, {width} wide"
                raise FitError(f"{name} has another width", received=view.width, remedy=remedy)
            blocks.append(np.where(view.present[:, None], view.vectors, np.float32(0)))
            present.append(view.present[:, None])
        return np.concatenate(blocks, axis=1), np.concatenate(present, axis=1)

    def _initial_towers(self, events: Interactions) -> Towers:
        """Return towers whose item vectors begin at behaviour's factors."""
        towers = self._towers(events.shape[1], self.dim)
        behaviour = factorize_items(events, np.arange(events.shape[1]), self.dim, seed=self.seed)
        if len(behaviour.factors):
            towers.own.data = torch.from_numpy(behaviour.factors.copy())
        towers.to(pick_device(self.device))
        return towers

    def _keep(self, towers: Towers) -> None:
        self._network = None
        self.weights_ = {k: v.detach().cpu().numpy() for k, v in towers.state_dict().items()}

    def _train(self, setup: _Setup, events: Interactions) -> list[float]:
        targets = _Targets(events.histories(np.arange(events.shape[0])), self.history)
        rows = np.flatnonzero(targets.usable)
        if len(rows) < 2:
            return []
        held_out = rows[_HELD_OUT - 1 :: _HELD_OUT]
        trained = np.setdiff1d(rows, held_out)
        generator = torch.Generator().manual_seed(self.seed)
        loss = self._loss(setup, targets, generator)

        def batches(order: np.random.Generator) -> Iterator[Ints]:
            shuffled = order.permutation(trained)
            return (shuffled[i : i + self.batch] for i in range(0, len(shuffled), self.batch))

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, _PATIENCE)
        valid = partial(_mean_loss, loss, held_out, self.batch) if len(held_out) > 1 else None
        return train(
            setup.module, batches, partial(loss, learning=True), valid=valid, schedule=schedule,
            seed=self.seed, generators=(generator, *setup.generators), name="two_tower",
        )  # fmt: skip

    def _loss(self, setup: _Setup, targets: _Targets, generator: Any) -> Callable[..., Any]:
        """Return the loss of a batch of events: (events, learning) -> scalar."""
        towers = setup.towers
        device = next(towers.parameters()).device
        share = torch.from_numpy(self.popularity_ / max(1.0, float(self.popularity_.sum())))
        known = torch.from_numpy(self.popularity_ > 0).to(device)
        present = setup.present.to(device)

        def loss(events: Ints, *, learning: bool) -> Any:
            kept = known
            if learning:
                kept = known & (torch.rand(len(known), generator=generator) >= self.hide).to(device)
            size = (len(events), self.negatives)
            drawn = torch.randint(0, len(known), size, generator=generator).to(device)
            batch = targets.batch(events).to(device)
            used = torch.cat([batch.targets, batch.items])
            items = towers.items(setup.content(used, learning=learning), present, kept)
            return tower_loss(
                towers, batch, items, head=self.head, share=share.to(device), drawn=drawn
            )

        return loss

    def _item_output(self, content: Floats, present: Bools, known: Bools) -> dict[str, Floats]:
        network = self._loaded()
        with torch.inference_mode():
            inputs = (torch.from_numpy(array) for array in (content, present, known))
            output = network.items(*inputs)
        return {name: tensor.numpy() for name, tensor in output._asdict().items()}


class _Setup(NamedTuple):
    """What a training works with."""

    towers: Towers
    module: Any  # what is trained: the towers, alone or with what comes before them
    content: Callable[..., Any]  # (items used, learning) -> (n, width)
    present: Any  # (n, m)
    generators: tuple[Any, ...] = ()  # that the content draws from


class _Targets:
    """Every event with the rest of its user's history."""

    def __init__(self, histories: Query, longest: int) -> None:
        self._histories, self._longest = histories, longest
        counts = np.diff(histories.starts)
        self._owner = np.repeat(np.arange(len(histories)), counts)
        # a user with one event has no history left when that event is the target
        self.usable = (histories.weights > 0) & (counts[self._owner] > 1)

    def batch(self, events: Ints) -> EventBatch:
        """Return the targets, and the histories without them, the latest events of each."""
        histories = self._histories
        owners = self._owner[events]
        stops = histories.starts[owners + 1]
        starts = np.maximum(histories.starts[owners], stops - self._longest - 1)
        lengths = stops - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        weights = np.where(entries == np.repeat(events, lengths), 0, histories.weights[entries])
        return EventBatch(
            torch.from_numpy(histories.items[events]),
            torch.from_numpy(histories.items[entries]),
            torch.from_numpy(np.maximum(weights, 0).astype(np.float32)),
            torch.from_numpy(offsets[:-1]),
        )


def _mean_loss(loss: Callable[..., Any], events: Ints, size: int) -> float:
    batches = [events[start : start + size] for start in range(0, len(events), size)]
    losses = [(float(loss(batch, learning=False)), len(batch)) for batch in batches]
    return sum(value * count for value, count in losses) / sum(count for _, count in losses)
