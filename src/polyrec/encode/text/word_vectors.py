"""Texts as averages of word vectors from a GloVe or word2vec text file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from polyrec.contracts import learned, part
from polyrec.encode.base import BaseEncoder
from polyrec.errors import ConfigError, DataError, MediaError
from polyrec.media.text import clean_text, tokens
from polyrec.types import Bools, Embeddings, Floats, Interactions, Problem, Raw

_SMOOTHING = 1e-3  # a of SIF: words rarer than this have weights near 1


@part
class WordVectors(BaseEncoder):
    """The (weighted) mean of a text's word vectors, at length 1.

    `weighting` sif: a word has the weight a / (a + its share of the catalogue's words), and the
    texts' common direction is removed (Arora, Liang & Ma, ICLR 2017). `path` is a text file with a
    word and its numbers per line; its first `max_words` words are kept and saved in the bundle.
    """

    path: str = ""
    weighting: Literal["mean", "sif"] = "sif"
    max_words: int = 200_000
    max_tokens: int = 1000  # of each text, from its start
    modality: str = "text"

    sample_files: ClassVar[Mapping[str, str]] = {"path": "word vectors"}

    words_: list[str] = learned()
    vectors_: Floats = learned()  # (words, d)
    weights_: Floats = learned()  # (words,)
    common_: Floats = learned()  # (d,) the common direction

    @property
    def width(self) -> int:
        """Return d."""
        return int(self.vectors_.shape[1])

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:  # noqa: ARG002
        """Read the file; learn the words' frequencies and the texts' common direction."""
        self.words_, self.vectors_ = read_word_vectors(Path(self.path), most=self.max_words)
        self.weights_ = np.ones(len(self.words_), np.float32)
        self.common_ = np.zeros(self.width, np.float32)
        if self.weighting == "sif":
            texts = [self._tokens(raw)[0] for raw in contents if raw is not None]
            counts = Counter(word for text in texts for word in text)
            total = max(1, sum(counts.values()))
            share = np.array([counts[word] / total for word in self.words_])
            self.weights_ = np.asarray(_SMOOTHING / (_SMOOTHING + share), np.float32)
            rows = self._means(texts)[0]
            if rows.any():
                self.common_ = np.asarray(np.linalg.svd(rows, full_matrices=False)[2][0])
        return self

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return (n, d) rows; a text without a known word is absent."""
        texts = [self._tokens(raw) if raw is not None else ([], None) for raw in contents]
        rows, known = self._means([words for words, _ in texts])
        rows = rows - np.outer(rows @ self.common_, self.common_)
        norms = np.linalg.norm(rows, axis=1)
        present = known & (norms > 1e-9)
        vectors = np.where(present[:, None], rows / np.where(present, norms, 1)[:, None], 0)
        problems = {
            i: texts[i][1] or Problem("damaged", "no word of the vocabulary")
            for i in np.flatnonzero(~present).tolist()
            if contents[i] is not None
        }
        return Embeddings(vectors.astype(np.float32), present, problems)

    def _tokens(self, raw: Raw) -> tuple[list[str], Problem | None]:
        try:
            return tokens(clean_text(raw), most=self.max_tokens), None
        except MediaError as error:
            return [], Problem(error.status, str(error))

    def _means(self, texts: Sequence[Sequence[str]]) -> tuple[Floats, Bools]:
        index = {word: i for i, word in enumerate(self.words_)}
        rows = np.zeros((len(texts), self.width), np.float32)
        known = np.zeros(len(texts), bool)
        for i, text in enumerate(texts):
            words = [index[word] for word in text if word in index]
            if words:
                weights = self.weights_[words]
                rows[i] = weights @ self.vectors_[words] / weights.sum()
                known[i] = True
        return rows, known


def read_word_vectors(path: Path, *, most: int) -> tuple[list[str], Floats]:
    """Return the words and (words, d) vectors of a GloVe or word2vec text file.

    The width is the first line's, after word2vec's header of two numbers. Lines of another width
    are skipped; a file without any vector raises `DataError`.
    """
    if not path.name or not path.is_file():
        remedy = "path: a GloVe or word2vec file in text form"
        raise ConfigError("no file of word vectors", received=str(path), remedy=remedy)
    words: list[str] = []
    rows: list[Floats] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            word, _, numbers = line.rstrip().partition(" ")
            row = _numbers(numbers)
            # one number: the header
            if row is None or len(row) < 2 or (rows and len(row) != len(rows[0])):
                continue
            words.append(word.lower())
            rows.append(row)
            if len(words) == most:
                break
    if not rows:
        raise DataError("no word vectors in this file", received=path.name, remedy="one per line")
    return words, np.stack(rows)


def _numbers(text: str) -> Floats | None:
    try:
        row = np.array(text.split(), np.float32)
    except ValueError:
        return None
    return row if np.isfinite(row).all() else None
