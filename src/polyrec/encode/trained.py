"""What encoders share that are trained from scratch, on the catalogue's contents and behaviour."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.compute.device import pick_device
from polyrec.contracts import cached, learned, learned_attributes, part
from polyrec.encode.base import PerItemEncoder, prepare_contents
from polyrec.errors import FitError
from polyrec.training.item_objectives import MIN_ITEMS, ItemTrainer, ItemTrainingSettings
from polyrec.types import Floats, Interactions, Ints, Raw


@part
class TrainedEncoder(PerItemEncoder):
    """A network trained to encode items as behaviour relates them (`training.item_objectives`)."""

    dim: int = 64  # numbers per item
    objective: Literal["regress", "contrast", "rank"] = "regress"
    epochs: int = 40
    pretrain_epochs: int = 0  # before those: two augmented views of one content against others
    rate: float = 2e-3
    batch: int = 64
    device: str = "auto"
    seed: int = 7

    fingerprint_: str = learned()  # sha256 of the weights
    weights_: dict[str, np.ndarray] = learned()
    losses_: list[float] = learned()  # on held-out items, by epoch
    _network: Any = cached()

    runtime_settings: ClassVar[tuple[str, ...]] = ("device",)
    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {
        "epochs": 2, "dim": 8, "pretrain_epochs": 1, "batch": 4,
    }  # fmt: skip

    def build(self) -> Any:
        """Return the untrained network: inputs -> (b, dim)."""
        raise NotImplementedError

    def fit_vocabulary(self, prepared: Sequence[Any]) -> None:
        """Learn a vocabulary from prepared contents, for networks that need one."""

    def collate(self, prepared: Sequence[Any]) -> Any:
        """Return prepared contents as one tensor of inputs."""
        return torch.from_numpy(np.stack(prepared))

    def augment(self, inputs: Any, generator: Any) -> Any:
        """Return randomly altered inputs that stand for the same contents."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Return d."""
        return self.dim

    @property
    def identity(self) -> str:
        """Return the name, the settings and the sha256 of the weights."""
        return f"{super().identity} {self.fingerprint_}"

    def card(self) -> Mapping[str, Any]:
        """Return how the encoder was trained."""
        return {
            **super().card(),
            "trained": True,
            "objective": self.objective,
            "weights_sha256": self.fingerprint_,
            "held_out_loss": min(self.losses_, default=None),
        }

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:
        """Prepare the contents in this process and learn from them."""
        prepared: list[Any] = [None] * len(contents)
        for index, content in prepare_contents(self, contents)[0]:
            prepared[index] = content
        return self.learn(prepared, train)

    def learn(
        self,
        prepared: Sequence[Any],
        train: Interactions | None,
        *,
        progress: Callable[..., None] = lambda *_: None,
    ) -> Self:
        """Learn from prepared contents, None where there is none; forget the past."""
        rows = np.array([i for i, content in enumerate(prepared) if content is not None], np.int64)
        if len(rows) < MIN_ITEMS:
            remedy = f"at least {MIN_ITEMS} are needed; use an encoder that is not trained"
            raise FitError("too few contents to learn from", received=len(rows), remedy=remedy)
        self.fit_vocabulary([prepared[i] for i in rows])
        settings = ItemTrainingSettings(
            self.objective, self.dim, self.epochs, self.rate, self.batch, self.seed
        )
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self.build().to(device)

            def forward(batch: Ints, generator: Any) -> Any:
                inputs = self.collate([prepared[i] for i in batch])
                if generator is not None:
                    inputs = self.augment(inputs, generator)
                return network(inputs.to(device))

            trainer = ItemTrainer(network, forward, settings, progress)
            if self.pretrain_epochs:
                trainer.train_on_content(rows, self.pretrain_epochs)
            self.losses_ = trainer.train_on_behaviour(rows, train)
        self.load_torch_module(network)
        return self

    def torch_module(self) -> Any:
        """Return a copy of the trained network: inputs -> (b, dim) rows of any length."""
        if "weights_" not in learned_attributes(self):
            raise FitError("the encoder is not fitted", remedy="call fit first")
        network = self.build()
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()}
        network.load_state_dict(tensors)
        return network

    def load_torch_module(self, module: Any) -> None:
        """Take over the weights of a network."""
        state = module.state_dict()
        self.weights_ = {k: v.detach().cpu().numpy().copy() for k, v in state.items()}
        self.fingerprint_ = _sha256(self.weights_)
        self._network = None

    def embed(self, prepared: Sequence[Any]) -> Floats:
        """Return (b, dim) rows of length 1."""
        network = self._loaded()
        device = next(network.parameters()).device
        with torch.inference_mode():
            rows = F.normalize(network(self.collate(prepared).to(device)), dim=1)
        vectors: Floats = rows.cpu().numpy()
        return vectors

    def _loaded(self) -> Any:
        if self._network is None:
            self._network = self.torch_module().to(pick_device(self.device)).eval()
        return self._network


def _sha256(weights: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()
