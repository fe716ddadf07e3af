"""What fusers share that are trained: one routine, a collaborative objective, modality dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.fuse.normalize import normalize_views, view_weights
from polyrec.index.vectors import unit_rows
from polyrec.training.item_objectives import MIN_ITEMS, ItemObjective, ItemTrainer
from polyrec.types import Embeddings, Interactions, Ints, Views

_AT_ONCE = 8192  # rows that are fused together


@dataclass
class TrainedFuser:
    """A network over an item's present views, trained on behaviour (`training.item_objectives`).

    Each kind of network has its own file. While it learns, a present modality is hidden from it
    with probability `dropout` (never the last one), so that it stands missing ones. Without
    behaviour to learn from, it stays as it was drawn.
    """

    dim: int = 64  # numbers per item
    objective: Literal["regress", "contrast", "rank"] = "regress"
    epochs: int = 60
    rate: float = 2e-3
    batch: int = 128
    dropout: float = 0.3
    seed: int = 7

    widths_: dict[str, int] = field(init=False, repr=False, compare=False)  # of the views read
    weights_: dict[str, np.ndarray] = field(init=False, repr=False, compare=False)
    losses_: list[float] = field(init=False, repr=False, compare=False)  # on the items held out
    _network: Any = field(init=False, repr=False, compare=False, default=None)

    def build(self, widths: Mapping[str, int]) -> Any:
        """Return the untrained network: (rows {view: (b, d)}, present (b, m)) -> (b, dim)."""
        raise NotImplementedError

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn how to fuse; forget the past. The fused view is left out."""
        names = list(view_weights(views, None))
        self.widths_ = {name: views[name].width for name in names}
        self.weights_, self.losses_, self._network = {}, [], None
        if not names:
            return self
        units = normalize_views(views, self.widths_)
        inputs = {name: torch.from_numpy(units[name].vectors) for name in names}
        present = torch.from_numpy(np.stack([units[name].present for name in names], axis=1))
        rows = np.flatnonzero(present.any(dim=1).numpy())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.build(self.widths_)

            def see(some: Ints, generator: Any) -> Any:
                here = present[some]
                if generator is not None:
                    here = hide_modalities(here, self.dropout, generator)
                return network({name: inputs[name][some] for name in names}, here)

            plan = ItemObjective(
                self.objective, self.dim, self.epochs, self.rate, self.batch, self.seed
            )
            if len(rows) >= MIN_ITEMS:
                lessons = ItemTrainer(network, see, plan, lambda *_: None)
                self.losses_ = lessons.from_behaviour(rows, train)
        self.keep(network)
        return self

    def open(self) -> Any:
        """Return a copy of the trained network, to be trained on."""
        network = self.build(self.widths_)
        network.load_state_dict(
            {k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()}
        )
        return network

    def keep(self, network: Any) -> None:
        """Take a network's weights for one's own."""
        state = network.state_dict()
        self.weights_ = {k: v.detach().cpu().numpy().copy() for k, v in state.items()}
        self._network = None

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, dim) rows of length 1; views not given are absent, unknown ones not read."""
        count = len(next(iter(views.values()))) if views else 0
        if not self.widths_:
            return Embeddings(np.zeros((count, 0), np.float32), np.zeros(count, bool))
        units = normalize_views(views, self.widths_)
        present = np.stack([units[name].present for name in self.widths_], axis=1)
        # a row that is there but zero says nothing
        said = np.stack([units[name].vectors.any(axis=1) for name in self.widths_], axis=1)
        rows = np.zeros((count, self.dim), np.float32)
        for start in range(0, count, _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            inputs = {n: torch.from_numpy(units[n].vectors[some]) for n in self.widths_}
            with torch.inference_mode():
                made = self.network(inputs, torch.from_numpy((present & said)[some]))
                rows[some] = F.normalize(made, dim=1).numpy()
        told, anywhere = (np.asarray(x.any(axis=1)) for x in (present & said, present))
        return Embeddings(unit_rows(rows, told), anywhere)

    @property
    def network(self) -> Any:
        """Return the trained network."""
        if self._network is None:
            self._network = self.open().eval()
        return self._network


def hide_modalities(present: Any, share: float, generator: Any) -> Any:
    """Return (b, m) presence with a share of the modalities hidden, the last of an item never."""
    chance = torch.rand(present.shape, generator=generator)
    kept = present & (chance >= share)
    # where all are gone, the luckiest stays
    last = (chance * present).argmax(dim=1, keepdim=True)
    only = torch.zeros_like(present).scatter(1, last, value=True) & present
    return torch.where(kept.any(dim=1, keepdim=True), kept, only)


class Projections(nn.Module):
    """One linear layer per view into a common width."""

    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({f"view_{n}": nn.Linear(w, dim) for n, w in widths.items()})

    def forward(self, rows: Mapping[str, Any]) -> Any:
        """Return (b, m, dim)."""
        return torch.stack([self.layers[f"view_{n}"](x) for n, x in rows.items()], dim=1)


def masked_softmax(scores: Any, present: Any) -> Any:
    """Return (b, m) shares that add up to 1 over what is present; all 0 where nothing is."""
    shares = torch.softmax(scores.masked_fill(~present, -1e9), dim=1)
    return shares * present
