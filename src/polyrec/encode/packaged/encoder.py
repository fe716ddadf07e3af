"""What encoders share that load weights of `polyrec models add` into networks of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from safetensors.torch import load_file

from polyrec.artifact.checksummed_folder import sha256
from polyrec.compute.device import BATCH_SIZES, pick_device
from polyrec.contracts import cached, learned, learned_attributes, part
from polyrec.encode.base import PerItemEncoder
from polyrec.encode.packaged.catalog import find_packaged_model
from polyrec.encode.packaged.install import installed_weights
from polyrec.errors import FitError


@part
class PackagedEncoder(PerItemEncoder):
    """An encoder over a network whose weights pip brought.

    A bundle keeps the sha256 of the weights and refuses others.
    """

    device: str = "auto"
    batch: int = 0  # contents at once; 0: by device, fewer when memory runs out

    packaged_model: ClassVar[str] = ""
    """The name of the model in the catalogue."""

    fingerprint_: str = learned()  # sha256 of the weights, set on first use
    _network: Any = cached()

    def build(self) -> Any:
        """Return the network without its weights."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int:
        """Return how many contents the network takes at once."""
        return self.batch or BATCH_SIZES[pick_device(self.device).type]

    @property
    def identity(self) -> str:
        """Return the name, the version, the settings and the sha256 of the weights."""
        self._check_weights()
        return f"{super().identity} {self.fingerprint_}"

    def card(self) -> Mapping[str, Any]:
        """Return the origin and licence of the weights."""
        self._check_weights()
        model = find_packaged_model(self.packaged_model)
        return {
            "name": type(self).__name__, "model": model.source, "package": model.package,
            "weights_sha256": self.fingerprint_, "licence": model.licence, "trained": False,
        }  # fmt: skip

    @property
    def network(self) -> Any:
        """Return the network in evaluation mode, loaded on first use."""
        if self._network is None:
            self._check_weights()
            network = self.build()
            network.load_state_dict(load_file(installed_weights(self.packaged_model)))
            self._network = network.eval().to(pick_device(self.device))
        return self._network

    def _check_weights(self) -> None:
        expected = learned_attributes(self).get("fingerprint_")
        if self._network is not None and expected is not None:
            return
        actual = sha256(installed_weights(self.packaged_model))
        if expected not in (None, actual):
            remedy = f"polyrec models add {self.packaged_model}"
            raise FitError("the model's weights have changed", received=actual, remedy=remedy)
        self.fingerprint_ = actual
