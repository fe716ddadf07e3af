"""Two towers: a user's history and an item's content and identity meet in one space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import nn

from polyrec.compute.device import pick_device
from polyrec.errors import FitError
from polyrec.recommend.base import popularity, rank
from polyrec.recommend.two_tower.end_to_end import Through
from polyrec.recommend.two_tower.end_to_end_inputs import Way
from polyrec.recommend.two_tower.network import Batch, Catalogue, Towers, loss_of
from polyrec.training.item_factors import item_behaviour
from polyrec.training.loop import Schedule, train
from polyrec.types import (
    FUSED,
    Bools,
    Embeddings,
    Floats,
    Interactions,
    Ints,
    Query,
    Ranking,
    Views,
)

_HELD_OUT = 20  # every twentieth event tells when to stop
_PATIENCE = 5


@dataclass
class TwoTower:
    """score = u'v / t + b: v from an item's fused content and its own vector, u from the history.

        v = unit(e_i + MLP(x_i)),  b = a_i + w'MLP(x_i)      an item that nobody took has e = a = 0
        p = mean of v over the history,  u = unit(p + MLP(p))

    x is the fused view of whatever fuser the run has, or all views side by side. While it learns,
    an item's own e and a are hidden with probability `hide`, so that content learns to stand in
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
    through: bool = False  # a run then trains the encoders and the fuser with it, end to end
    device: str = "auto"
    seed: int = 7

    weights_: dict[str, Floats] = field(init=False, repr=False, compare=False)
    items_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # of `Catalogue`
    popularity_: Floats = field(init=False, repr=False, compare=False)  # (n,)
    widths_: dict[str, int] = field(init=False, repr=False, compare=False)  # of the views read
    losses_: list[float] = field(init=False, repr=False, compare=False)  # on the events held out
    _network: Any = field(init=False, repr=False, compare=False, default=None)

    def fit(self, train: Interactions, items: Views) -> Self:
        """Learn both towers; forget the past."""
        self.popularity_ = popularity(train)
        single = FUSED in items and not self.attend
        names = [FUSED] if single else [name for name in sorted(items) if name != FUSED]
        self.widths_ = {name: items[name].width for name in names}
        content, present = (torch.from_numpy(x) for x in self._content(items, train.shape[1]))
        content = content.to(pick_device(self.device))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            towers = self._begun(train)
            given = _Given(towers, towers, lambda _, learning: content, present)  # noqa: ARG005
            self.losses_ = self._teach(given, train)
        self._keep(towers)
        return self.settle(items)

    def learn_through(self, train: Interactions, items: Views, way: Way) -> None:
        """Learn both towers anew, as one network with the encoders and the fuser before them.

        After `fit`, with the same `items`. Encoders and fuser keep what they learn: let them make
        the items anew, and `settle` on those.
        """
        generator = torch.Generator().manual_seed(self.seed)
        present = torch.from_numpy(self._content(items, train.shape[1])[1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            towers = self._begun(train)
            through = Through(way, list(self.widths_), generator).to(pick_device(self.device))
            both = nn.ModuleDict({"towers": towers, "through": through})
            given = _Given(towers, both, through.content, present, (generator,))
            self.losses_ = self._teach(given, train)
        self._keep(towers)
        through.keep()

    def settle(self, items: Views) -> Self:
        """Take what the item tower makes of these views for the items of the catalogue."""
        count = len(self.popularity_)
        self.items_ = self._settled(*self._content(items, count), self.popularity_ > 0)
        return self

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = len(next(iter(views.values()))) if views else 0
        grown = replace(self)
        for name in ("weights_", "widths_", "losses_"):
            setattr(grown, name, getattr(self, name))
        fresh = self._settled(*self._content(views, count), np.zeros(count, bool))
        grown.items_ = {k: np.concatenate([v, fresh[k]]) for k, v in self.items_.items()}
        grown.popularity_ = np.concatenate([self.popularity_, np.zeros(count, np.float32)])
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [{"weight_decay": (0.01, 0.1, 1.0)}, {"hide": (0.1, 0.3, 0.6)}]

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores; without history, what is popular."""
        history = query.matrix(len(self.popularity_))
        history.data = np.maximum(history.data, 0)
        total = np.maximum(np.asarray(history.sum(axis=1)).reshape(-1, 1), 1e-9)
        means = np.asarray((history @ self.items_["vectors"]) / total, np.float32)
        with torch.inference_mode():
            users = self.network.users(torch.from_numpy(means))
            items = Catalogue(**{k: torch.from_numpy(v) for k, v in self.items_.items()})
            scores: Floats = self.network.scores(users, items).numpy()
        scores[np.diff(query.starts) == 0] = self.popularity_
        return scores

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row; equal scores go to the lower item number."""
        return rank(self.score, query, k, hide_seen=hide_seen)

    @property
    def network(self) -> Any:
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
        """Return (n, sum of widths) the views read side by side, absent rows 0, and (n, m) who has.

        A view of another width than at fit raises `FitError`.
        """
        blocks, present = [np.zeros((count, 0), np.float32)], [np.zeros((count, 0), bool)]
        for name, width in self.widths_.items():
            nothing = Embeddings(np.zeros((count, width), np.float32), np.zeros(count, bool))
            view = items.get(name, nothing)
            if view.width != width:
                remedy = f"encode and fuse it as at fit, {width} wide"
                raise FitError(f"{name} has another width", received=view.width, remedy=remedy)
            blocks.append(np.where(view.present[:, None], view.vectors, np.float32(0)))
            present.append(view.present[:, None])
        return np.concatenate(blocks, axis=1), np.concatenate(present, axis=1)

    def _begun(self, events: Interactions) -> Towers:
        """Return towers whose items begin at behaviour's factors."""
        towers = self._towers(events.shape[1], self.dim)
        told = item_behaviour(events, np.arange(events.shape[1]), self.dim, seed=self.seed)
        if len(told.vectors):
            towers.own.data = torch.from_numpy(told.vectors.copy())
        towers.to(pick_device(self.device))
        return towers

    def _keep(self, towers: Towers) -> None:
        self._network = None
        self.weights_ = {k: v.detach().cpu().numpy() for k, v in towers.state_dict().items()}

    def _teach(self, given: _Given, events: Interactions) -> list[float]:
        pairs = _Pairs(events.histories(np.arange(events.shape[0])), self.history)
        rows = np.flatnonzero(pairs.usable)
        if len(rows) < 2:
            return []
        held = rows[_HELD_OUT - 1 :: _HELD_OUT]
        taught = np.setdiff1d(rows, held)
        generator = torch.Generator().manual_seed(self.seed)
        told = self._lesson(given, pairs, generator)

        def batches(order: np.random.Generator) -> Iterator[Ints]:
            shuffled = order.permutation(taught)
            return (shuffled[i : i + self.batch] for i in range(0, len(shuffled), self.batch))

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, _PATIENCE)
        valid = partial(_mean_loss, told, held, self.batch) if len(held) > 1 else None
        return train(
            given.module, batches, partial(told, learning=True), valid=valid, schedule=schedule,
            seed=self.seed, generators=(generator, *given.generators), name="two_tower",
        )  # fmt: skip

    def _lesson(self, given: _Given, pairs: _Pairs, generator: Any) -> Callable[..., Any]:
        """Return the loss of a batch of events: (events, learning) -> scalar."""
        towers = given.towers
        device = next(towers.parameters()).device
        share = torch.from_numpy(self.popularity_ / max(1.0, float(self.popularity_.sum())))
        known = torch.from_numpy(self.popularity_ > 0).to(device)
        present = given.present.to(device)

        def told(batch: Ints, *, learning: bool) -> Any:
            here = known
            if learning:
                here = known & (torch.rand(len(known), generator=generator) >= self.hide).to(device)
            size = (len(batch), self.negatives)
            drawn = torch.randint(0, len(known), size, generator=generator).to(device)
            made = pairs.batch(batch).to(device)
            met = torch.cat([made.targets, made.items])
            items = towers.items(given.content(met, learning=learning), present, here)
            return loss_of(towers, made, items, head=self.head, share=share.to(device), drawn=drawn)

        return told

    def _settled(self, content: Floats, present: Bools, known: Bools) -> dict[str, Floats]:
        with torch.inference_mode():
            given = (torch.from_numpy(part) for part in (content, present, known))
            made = self.network.items(*given)
        return {name: part.numpy() for name, part in made._asdict().items()}


class _Given(NamedTuple):
    """What a training is made on."""

    towers: Towers
    module: Any  # what is trained: the towers, alone or with what comes before them
    content: Callable[..., Any]  # (items met, learning) -> (n, width)
    present: Any  # (n, m)
    generators: tuple[Any, ...] = ()  # that the content draws from


class _Pairs:
    """Every event with the rest of its user's history."""

    def __init__(self, histories: Query, longest: int) -> None:
        self._histories, self._longest = histories, longest
        counts = np.diff(histories.starts)
        self._owner = np.repeat(np.arange(len(histories)), counts)
        # someone with one event has no history left when that event is the question
        self.usable = (histories.weights > 0) & (counts[self._owner] > 1)

    def batch(self, events: Ints) -> Batch:
        """Return the targets, and the histories without them, the latest events of each."""
        told = self._histories
        owners = self._owner[events]
        stops = told.starts[owners + 1]
        starts = np.maximum(told.starts[owners], stops - self._longest - 1)
        lengths = stops - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        weights = np.where(places == np.repeat(events, lengths), 0, told.weights[places])
        return Batch(
            torch.from_numpy(told.items[events]),
            torch.from_numpy(told.items[places]),
            torch.from_numpy(np.maximum(weights, 0).astype(np.float32)),
            torch.from_numpy(offsets[:-1]),
        )


def _mean_loss(told: Any, held: Ints, size: int) -> float:
    pieces = [held[start : start + size] for start in range(0, len(held), size)]
    losses = [(float(told(piece, learning=False)), len(piece)) for piece in pieces]
    return sum(value * count for value, count in losses) / sum(count for _, count in losses)
