"""What text encoders share that are trained here: a vocabulary of the catalogue's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from polyrec.config import Limits
from polyrec.encode.trained import Trained
from polyrec.media.text import clean_text, tokens
from polyrec.types import Raw

_NONE, _UNKNOWN = 0, 1


@dataclass
class TrainedText(Trained):
    """Texts as the numbers of their words; words met in one text alone are unknown."""

    word_dim: int = 64
    max_words: int = 20_000
    max_tokens: int = 128  # of each text that are read
    modality: str = "text"

    words_: list[str] = field(init=False, repr=False, compare=False)

    isolated = False  # cleaning text can't hang or crash

    @property
    def size(self) -> int:
        """Return how many numbers there are."""
        return len(self.words_) + 2

    def prepare(self, raw: Raw, limits: Limits) -> list[str]:
        """Return the words of a text."""
        return tokens(clean_text(raw, limits), most=self.max_tokens)

    def ready(self, prepared: Sequence[list[str]]) -> None:
        """Learn which words there are, the most frequent first."""
        texts = Counter(word for text in prepared for word in set(text))
        ranked = sorted(texts.items(), key=lambda entry: (-entry[1], entry[0]))
        self.words_ = [word for word, count in ranked if count > 1][: self.max_words]

    def tensors(self, prepared: Sequence[list[str]]) -> Any:
        """Return (b, t) word numbers."""
        places = {word: place + 2 for place, word in enumerate(self.words_)}
        length = max(1, *map(len, prepared))
        numbers = np.full((len(prepared), length), _NONE, np.int64)
        for row, text in enumerate(prepared):
            numbers[row, : len(text)] = [places.get(word, _UNKNOWN) for word in text]
            numbers[row, 0] = numbers[row, 0] or _UNKNOWN
        return torch.from_numpy(numbers)

    def alter(self, inputs: Any, generator: Any) -> Any:
        """Return the texts with a fifth of their words unknown."""
        lost = torch.rand(inputs.shape, generator=generator) < 0.2
        return inputs.masked_fill(lost & (inputs > 0), _UNKNOWN)
