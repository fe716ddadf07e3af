"""What aligners share that train a projection head for each view."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.align.cca import CCA
from polyrec.align.validation import check_settings, zero_absent
from polyrec.align.whiten import apply_affine_maps
from polyrec.training.loop import Schedule, train
from polyrec.types import Embeddings, Floats, Interactions, Ints, Views

_HELD_OUT = 10  # every tenth item tells when to stop
_FEWEST = 20  # items with two views


@dataclass
class ProjectionHeads:
    """Linear heads that begin at CCA's solution and are trained on pairs; each loss has its file.

    Items that have at least two of the views teach, each pair of views it has; a tenth of them is
    held out and says when to stop. Fewer than 20 such items leave CCA's solution as it is.
    """

    width: int = 64
    ridge: float = 1e-2  # of CCA
    epochs: int = 60
    rate: float = 2e-3
    batch: int = 256
    seed: int = 7

    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    maps_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d, width)
    losses_: list[float] = field(init=False, repr=False, compare=False)  # on the items held out

    space: ClassVar[str] = ""

    def loss(self, module: Any) -> Callable[[Any, Any], Any]:
        """Return the loss of (b, width) unit rows of two views; it may add parameters."""
        raise NotImplementedError

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn means and maps; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width)
        given = zero_absent(views)
        start = CCA(width=self.width, ridge=self.ridge).fit(views, train)
        self.means_, self.maps_, self.losses_ = start.means_, start.maps_, []
        rows = np.flatnonzero(sum((v.present for v in given.values()), np.zeros(1, np.int64)) >= 2)
        if len(given) > 1 and len(rows) >= _FEWEST:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                self._train(given, rows)
        return self

    def align(self, views: Views) -> Views:
        """Return the views in the shared space, rows of length 1; absent rows are 0."""
        found = {}
        for name, view in apply_affine_maps(
            views, self.means_, self.maps_, space=self.space
        ).items():
            lengths = np.maximum(np.linalg.norm(view.vectors, axis=1, keepdims=True), 1e-12)
            found[name] = Embeddings(
                view.vectors / lengths, view.present, view.problems, view.space
            )
        return found

    def _train(self, views: Mapping[str, Embeddings], rows: Ints) -> None:
        module = nn.Module()
        module.heads = nn.ParameterDict(
            {name: nn.Parameter(torch.from_numpy(self.maps_[name].copy())) for name in views}
        )
        inputs = {n: torch.from_numpy(v.vectors - self.means_[n]) for n, v in views.items()}
        present = {n: torch.from_numpy(v.present) for n, v in views.items()}
        loss = self.loss(module)

        def of(batch: Ints) -> Any:
            some = torch.from_numpy(batch)
            total = torch.zeros(())
            for one, two in itertools.combinations(sorted(views), 2):
                both = some[present[one][some] & present[two][some]]
                if len(both) > 1:
                    sides = (
                        F.normalize(inputs[n][both] @ module.heads[n], dim=1) for n in (one, two)
                    )
                    total = total + loss(*sides)
            return total

        def batches(generator: np.random.Generator) -> Iterator[Ints]:
            order = generator.permutation(rows[~held])
            pieces = np.array_split(order, max(1, len(order) // self.batch))
            return iter([piece for piece in pieces if len(piece) > 1])

        turns = np.random.default_rng(self.seed).permutation(len(rows))
        held = turns % _HELD_OUT == _HELD_OUT - 1
        schedule = Schedule(self.epochs, rate=self.rate, weight_decay=0.0)
        self.losses_ = train(
            module, batches, of, valid=lambda: float(of(rows[held])), schedule=schedule,
            seed=self.seed, report=lambda *_: None,
        )  # fmt: skip
        self.maps_ = {name: head.detach().numpy() for name, head in module.heads.items()}
