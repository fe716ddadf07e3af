"""Whisper in CTranslate2's form: the words of windows of 30 s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np
from transformers import PreTrainedTokenizerFast

from polyrec.encode.audio.transcript import WindowTokens
from polyrec.types import Floats

_BEAMS = 5


class WhisperModel:
    """An English model of a folder, and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self._model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=1)
        self._tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        self._start = self._tokenizer.convert_tokens_to_ids("<|startoftranscript|>")
        self.first_stamp = self._tokenizer.convert_tokens_to_ids("<|notimestamps|>") + 1

    def transcribe(self, window: Floats) -> WindowTokens:
        """Return the tokens of a (3000, 80) window."""
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(window.T[None]))
        (result,) = self._model.generate(
            features, [[self._start]], beam_size=_BEAMS, return_scores=True,
            return_no_speech_prob=True,
        )  # fmt: skip
        return WindowTokens(result.sequences_ids[0], result.scores[0], result.no_speech_prob)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without times."""
        words = [token for token in ids if token < self.first_stamp]
        return str(self._tokenizer.decode(words, skip_special_tokens=True))
