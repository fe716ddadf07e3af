"""What text encoders share that are trained on the catalogue: a vocabulary of its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from polyrec.config import Limits
from polyrec.contracts import learned, part
from polyrec.encode.trained import TrainedEncoder
from polyrec.media.text import clean_text, tokens
from polyrec.types import Raw

_PAD, _UNKNOWN = 0, 1


@part
class TrainedTextEncoder(TrainedEncoder):
    """Texts as the numbers of their words; words that only one text holds are unknown."""

    word_dim: int = 64
    max_words: int = 20_000
    max_tokens: int = 128  # of each text, from its start
    modality: str = "text"

    words_: list[str] = learned()

    sandboxed: ClassVar[bool] = False  # cleaning text can't hang or crash

    @property
    def vocabulary_size(self) -> int:
        """Return the number of words, padding and the unknown word included."""
        return len(self.words_) + 2

    def prepare(self, raw: Raw, limits: Limits) -> list[str]:
        """Return the words of a text."""
        return tokens(clean_text(raw, limits), most=self.max_tokens)

    def fit_vocabulary(self, prepared: Sequence[list[str]]) -> None:
        """Learn the words of the texts, the most frequent first."""
        counts = Counter(word for text in prepared for word in set(text))
        ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        self.words_ = [word for word, count in ranked if count > 1][: self.max_words]

    def collate(self, prepared: Sequence[list[str]]) -> Any:
        """Return (b, t) word numbers, padded with 0."""
        numbers_of = {word: number + 2 for number, word in enumerate(self.words_)}
        length = max(1, *map(len, prepared))
        numbers = np.full((len(prepared), length), _PAD, np.int64)
        for row, text in enumerate(prepared):
            numbers[row, : len(text)] = [numbers_of.get(word, _UNKNOWN) for word in text]
            numbers[row, 0] = numbers[row, 0] or _UNKNOWN  # an empty text is one unknown word
        return torch.from_numpy(numbers)

    def augment(self, inputs: Any, generator: Any) -> Any:
        """Return the texts with a fifth of their words unknown."""
        dropped = torch.rand(inputs.shape, generator=generator) < 0.2
        return inputs.masked_fill(dropped & (inputs > 0), _UNKNOWN)
