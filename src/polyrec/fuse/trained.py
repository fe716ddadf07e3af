"""What trained fusers share: the training on behaviour, modality dropout, the module."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.contracts import BasePart, cached, learned, part
from polyrec.fuse.normalize import normalize_views, view_weights
from polyrec.fuse.torch_modules import NetworkModule
from polyrec.index.vectors import unit_rows
from polyrec.training.item_objectives import MIN_ITEMS, ItemTrainer, ItemTrainingSettings
from polyrec.types import Embeddings, Interactions, Ints, Views

_BATCH = 8192  # rows that are fused together


@part
class TrainedFuser(BasePart):
    """A network over an item's present views, trained on behaviour (`training.item_objectives`).

    Each network has its own file. In training, a present modality is dropped with probability
    `dropout` (never the last one), so that the network is robust to missing ones. Without behaviour
    the weights stay as they were initialised.
    """

    dim: int = 64  # numbers per item
    objective: Literal["regress", "contrast", "rank"] = "regress"
    epochs: int = 60
    rate: float = 2e-3
    batch: int = 128
    dropout: float = 0.3
    seed: int = 7

    widths_: dict[str, int] = learned()  # of the views that are read
    weights_: dict[str, np.ndarray] = learned()  # of the network
    losses_: list[float] = learned()  # on the items held out
    _network: nn.Module | None = cached()

    small: ClassVar[Mapping[str, Any]] = MappingProxyType({"dim": 8, "epochs": 2})

    def build(self, widths: Mapping[str, int]) -> nn.Module:
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

            def embed(batch: Ints, generator: Any) -> Any:
                mask = present[batch]
                if generator is not None:
                    mask = modality_dropout(mask, self.dropout, generator)
                return network({name: inputs[name][batch] for name in names}, mask)

            settings = ItemTrainingSettings(
                self.objective, self.dim, self.epochs, self.rate, self.batch, self.seed
            )
            if len(rows) >= MIN_ITEMS:
                trainer = ItemTrainer(network, embed, settings, lambda *_: None)
                self.losses_ = trainer.train_on_behaviour(rows, train)
        self._store(network)
        return self

    def torch_module(self) -> NetworkModule:
        """Return a module that maps {view: (b, d)} and {view: (b,) bool} to the rows of `fuse`.

        Its network is a copy of the trained one; modality dropout is not in it.
        """
        return NetworkModule(self._copy_network(), self.widths_)

    def load_torch_module(self, module: Any) -> None:
        """Replace the network's weights by those of a module from `torch_module`."""
        self._store(module.network)

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, dim) rows of length 1; a missing view is absent, an unknown one is not read.

        Rows are 0 where nothing is present.
        """
        count = len(next(iter(views.values()))) if views else 0
        if not self.widths_:
            return Embeddings(np.zeros((count, 0), np.float32), np.zeros(count, bool))
        units = normalize_views(views, self.widths_)
        present = np.stack([units[name].present for name in self.widths_], axis=1)
        # a row that is present but zero carries no information
        mask = present & np.stack([units[n].vectors.any(axis=1) for n in self.widths_], axis=1)
        rows = np.zeros((count, self.dim), np.float32)
        for start in range(0, count, _BATCH):
            batch = slice(start, start + _BATCH)
            inputs = {n: torch.from_numpy(units[n].vectors[batch]) for n in self.widths_}
            with torch.inference_mode():
                fused = self.network(inputs, torch.from_numpy(mask[batch]))
                rows[batch] = F.normalize(fused, dim=1).numpy()
        informed, anywhere = (np.asarray(x.any(axis=1)) for x in (mask, present))
        return Embeddings(unit_rows(rows, informed), anywhere)

    @property
    def network(self) -> Any:
        """Return the trained network."""
        if self._network is None:
            self._network = self._copy_network().eval()
        return self._network

    def _copy_network(self) -> nn.Module:
        network = self.build(self.widths_)
        network.load_state_dict(
            {k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()}
        )
        return network

    def _store(self, network: nn.Module) -> None:
        state = network.state_dict()
        self.weights_ = {k: v.detach().cpu().numpy().copy() for k, v in state.items()}
        self._network = None


def modality_dropout(present: Any, share: float, generator: Any) -> Any:
    """Return (b, m) presence with a share of the modalities dropped, never an item's last one."""
    draws = torch.rand(present.shape, generator=generator)
    kept = present & (draws >= share)
    # where all are dropped, the one with the highest draw stays
    last = (draws * present).argmax(dim=1, keepdim=True)
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
