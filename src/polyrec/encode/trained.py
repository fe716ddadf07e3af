"""What encoders share that are trained here, on the catalogue's own content and behaviour."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.compute.device import pick_device
from polyrec.encode.base import PerItem, prepare_here
from polyrec.errors import FitError
from polyrec.training.item_objectives import FEWEST, Lessons, Plan
from polyrec.types import Floats, Interactions, Ints, Raw


@dataclass
class Trained(PerItem):
    """A network of its own kind, trained on behaviour (`training.item_objectives`)."""

    dim: int = 64  # numbers per item
    objective: Literal["regress", "contrast", "rank"] = "regress"
    epochs: int = 40
    pretrain_epochs: int = 0  # before that, of telling an item's own altered views from others'
    rate: float = 2e-3
    batch: int = 64
    device: str = "auto"
    seed: int = 7

    fingerprint_: str = field(init=False, repr=False, compare=False)  # sha256 of the weights
    weights_: dict[str, np.ndarray] = field(init=False, repr=False, compare=False)
    losses_: list[float] = field(init=False, repr=False, compare=False)  # on the held out items
    _network: Any = field(init=False, repr=False, compare=False, default=None)

    elsewhere: ClassVar[tuple[str, ...]] = ("device",)

    def build(self) -> Any:
        """Return the untrained network: inputs -> (b, dim)."""
        raise NotImplementedError

    def tensors(self, prepared: Sequence[Any]) -> Any:
        """Return what the network takes of prepared contents."""
        return torch.from_numpy(np.stack(prepared))

    def alter(self, inputs: Any, generator: Any) -> Any:
        """Return the same contents, seen or heard a little differently."""
        raise NotImplementedError

    def ready(self, prepared: Sequence[Any]) -> None:
        """Learn what has to be known before training, a vocabulary say."""

    @property
    def width(self) -> int:
        """Return d."""
        return self.dim

    @property
    def identity(self) -> str:
        """Return the name, the settings and the sha256 of the weights."""
        return f"{super().identity} {self.fingerprint_}"

    def card(self) -> Mapping[str, Any]:
        """Return that it was trained here, and how it went."""
        told = {"trained": True, "objective": self.objective, "weights_sha256": self.fingerprint_}
        return {**super().card(), **told, "held_out_loss": min(self.losses_, default=None)}

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:
        """Decode the contents in this process and learn from them."""
        prepared: list[Any] = [None] * len(contents)
        for row, made in prepare_here(self, contents)[0]:
            prepared[row] = made
        return self.learn(prepared, train)

    def learn(
        self,
        prepared: Sequence[Any],
        train: Interactions | None,
        *,
        progress: Callable[..., None] = lambda *_: None,
    ) -> Self:
        """Learn from decoded contents, None where there is none; forget the past."""
        rows = np.array([i for i, one in enumerate(prepared) if one is not None], np.int64)
        if len(rows) < FEWEST:
            remedy = f"at least {FEWEST} are needed; use an encoder that is not trained"
            raise FitError("too few contents to learn from", received=len(rows), remedy=remedy)
        self.ready([prepared[i] for i in rows])
        plan = Plan(self.objective, self.dim, self.epochs, self.rate, self.batch, self.seed)
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.build().to(device)

            def see(some: Ints, generator: Any) -> Any:
                inputs = self.tensors([prepared[i] for i in some])
                altered = inputs if generator is None else self.alter(inputs, generator)
                return network(altered.to(device))

            lessons = Lessons(network, see, plan, progress)
            if self.pretrain_epochs:
                lessons.from_content(rows, self.pretrain_epochs)
            self.losses_ = lessons.from_behaviour(rows, train)
        self.keep(network)
        return self

    def open(self) -> Any:
        """Return a copy of the trained network, to be trained on."""
        if not hasattr(self, "weights_"):
            raise FitError("this encoder has learned nothing yet", remedy="fit it first")
        network = self.build()
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()}
        network.load_state_dict(tensors)
        return network

    def keep(self, network: Any) -> None:
        """Take a network's weights for one's own."""
        state = network.state_dict()
        self.weights_ = {k: v.detach().cpu().numpy().copy() for k, v in state.items()}
        self.fingerprint_ = _sha256(self.weights_)
        self._network = None

    def embed(self, prepared: Sequence[Any]) -> Floats:
        """Return (b, dim) rows of length 1."""
        network = self._loaded()
        device = next(network.parameters()).device
        with torch.inference_mode():
            rows = F.normalize(network(self.tensors(prepared).to(device)), dim=1)
        made: Floats = rows.cpu().numpy()
        return made

    def _loaded(self) -> Any:
        if self._network is None:
            self._network = self.open().to(pick_device(self.device)).eval()
        return self._network


def _sha256(weights: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()
