"""What aligners share that train a projection head for each view."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.align.base import AffineAligner, check_settings, zero_absent
from polyrec.align.cca import CCA
from polyrec.align.torch_modules import UnitAffineModule
from polyrec.contracts import learned, part
from polyrec.training.loop import Schedule, train
from polyrec.types import Embeddings, Interactions, Ints, Views

_HELD_OUT = 10  # every tenth item is held out for early stopping
_MIN_ITEMS = 20  # with two views


@part
class ProjectionHeads(AffineAligner):
    """Linear heads that start from CCA's solution and train on pairs; each loss has its file.

    Items that have at least two of the views are the training set, each pair of views of an item a
    positive pair; a tenth of them is held out for early stopping. With fewer than 20 such items
    CCA's solution stays.
    """

    width: int = 64
    ridge: float = 1e-2  # of CCA
    epochs: int = 60
    rate: float = 2e-3
    batch: int = 256
    seed: int = 7

    losses_: list[float] = learned()  # on the items held out

    small: ClassVar[Mapping[str, Any]] = MappingProxyType({"epochs": 2})
    is_random: ClassVar[bool] = True

    def loss(self, module: nn.Module) -> Callable[[Any, Any], Any]:
        """Return the loss of (b, width) unit rows of two views; it may add parameters."""
        raise NotImplementedError

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn means and maps; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width)
        copies = zero_absent(views)
        start = CCA(width=self.width, ridge=self.ridge).fit(views, train)
        self.means_, self.maps_, self.losses_ = start.means_, start.maps_, []
        counts = sum((v.present for v in copies.values()), np.zeros(1, np.int64))
        rows = np.flatnonzero(counts >= 2)
        if len(copies) > 1 and len(rows) >= _MIN_ITEMS:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                self._train(copies, rows)
        return self

    def align(self, views: Views) -> Views:
        """Return the views in the shared space, rows of length 1; absent rows are 0."""
        aligned = {}
        for name, view in super().align(views).items():
            lengths = np.maximum(np.linalg.norm(view.vectors, axis=1, keepdims=True), 1e-12)
            aligned[name] = Embeddings(
                view.vectors / lengths, view.present, view.problems, view.space
            )
        return aligned

    def torch_module(self) -> UnitAffineModule:
        """Return a module that computes `align` (see `AffineAligner.torch_module`)."""
        return UnitAffineModule(self.means_, self.maps_)

    def _train(self, views: Mapping[str, Embeddings], rows: Ints) -> None:
        module = nn.Module()
        module.heads = nn.ParameterDict(
            {name: nn.Parameter(torch.from_numpy(self.maps_[name].copy())) for name in views}
        )
        batch_loss = self._batch_loss(module, views)

        def batches(generator: np.random.Generator) -> Iterator[Ints]:
            order = generator.permutation(rows[~held_out])
            pieces = np.array_split(order, max(1, len(order) // self.batch))
            return iter([piece for piece in pieces if len(piece) > 1])

        draws = np.random.default_rng(self.seed).permutation(len(rows))
        held_out = draws % _HELD_OUT == _HELD_OUT - 1
        schedule = Schedule(self.epochs, rate=self.rate, weight_decay=0.0)
        self.losses_ = train(
            module, batches, batch_loss, valid=lambda: float(batch_loss(rows[held_out])),
            schedule=schedule, seed=self.seed, report=lambda *_: None,
        )  # fmt: skip
        self.maps_ = {name: head.detach().numpy() for name, head in module.heads.items()}

    def _batch_loss(
        self, module: nn.Module, views: Mapping[str, Embeddings]
    ) -> Callable[[Ints], Any]:
        """Return the loss of a batch of items, summed over pairs of views."""
        inputs = {n: torch.from_numpy(v.vectors - self.means_[n]) for n, v in views.items()}
        present = {n: torch.from_numpy(v.present) for n, v in views.items()}
        loss = self.loss(module)

        def batch_loss(batch: Ints) -> Any:
            items = torch.from_numpy(batch)
            total = torch.zeros(())
            for pair in itertools.combinations(sorted(views), 2):
                paired = items[present[pair[0]][items] & present[pair[1]][items]]
                if len(paired) > 1:
                    x, y = (
                        F.normalize(inputs[name][paired] @ module.heads[name], dim=1)
                        for name in pair
                    )
                    total = total + loss(x, y)
            return total

        return batch_loss
