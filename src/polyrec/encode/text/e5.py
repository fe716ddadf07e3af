"""multilingual-e5-small sentence embeddings: `polyrec models add e5` brings the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from polyrec.contracts import part
from polyrec.encode.packaged.catalog import find_packaged_model
from polyrec.encode.packaged.install import installed_weights
from polyrec.encode.text.text_model import TextModel


@part
class E5(TextModel):
    """A text of any of a hundred languages as one vector: like meanings are near in all of them.

    The mean of the last hidden states (Wang et al., "Multilingual E5 text embeddings", 2024). The
    model was trained with a prefix; that of queries is for texts compared with each other, too.
    """

    prefix: str = "query: "

    sample_files: ClassVar[Mapping[str, str]] = {}

    @property
    def folder(self) -> Path:
        """Return the folder of the model."""
        return installed_weights("e5").parent

    def card(self) -> Mapping[str, Any]:
        """Return the origin and licence of the weights."""
        model = find_packaged_model("e5")
        origin = {"model": model.source, "package": model.package, "licence": model.licence}
        return {**super().card(), **origin}

    @property
    def space(self) -> str:
        """Return "": it is no joint model."""
        return ""
