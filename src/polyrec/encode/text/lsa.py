"""TF-IDF of words and character n-grams, then a truncated SVD: any language, no download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from polyrec.contracts import learned, part
from polyrec.encode.base import BaseEncoder
from polyrec.errors import MediaError
from polyrec.media.text import clean_text, word_pattern
from polyrec.types import Csr, Embeddings, Floats, Interactions, Problem, Raw


@part
class LSA(BaseEncoder):
    """Latent semantic analysis (Deerwester et al., JASIS 1990) of a catalogue's texts.

    The terms are words, pairs of words, and pieces of 2 to 4 characters within words (for Chinese,
    Thai and typos), each kept if `min_items` texts hold it and weighted (1 + log tf) idf. A text is
    its terms' projection on the first right singular vectors of the texts in fit, at length 1.

    >>> encoder = LSA(components=2, min_items=1).fit(["red shoe", "blue shoe", "tea pot"], None)
    >>> encoder.encode(["a shoe", None]).present
    array([ True, False])
    """

    components: int = 256  # at most: no more than the rank of the texts
    min_items: int = 2
    max_terms: int = 50_000  # of words and pairs; as many pieces
    seed: int = 7
    modality: str = "text"

    small: ClassVar[Mapping[str, Any]] = {"components": 8, "min_items": 1}

    words_: list[str] = learned()
    pieces_: list[str] = learned()
    idf_: Floats = learned()  # (words + pieces,)
    axes_: Floats = learned()  # (words + pieces, d)

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:  # noqa: ARG002
        """Learn the terms, their weights and the singular vectors of the texts."""
        texts = [text for raw in contents if (text := _clean(raw))]
        self.words_ = self._terms(texts, "word")
        self.pieces_ = self._terms(texts, "char_wb")
        self.idf_ = np.ones(len(self.words_) + len(self.pieces_), np.float32)
        documents = np.diff(sparse.csc_array(self._tf_idf(texts)).indptr)
        self.idf_ = (np.log((1 + len(texts)) / (1 + documents)) + 1).astype(np.float32)
        weighted = self._tf_idf(texts)
        rank = max(0, min(self.components, *(extent - 1 for extent in weighted.shape)))
        self.axes_ = np.zeros((weighted.shape[1], rank), np.float32)
        if rank:
            _, _, axes = randomized_svd(weighted, rank, n_iter=4, random_state=self.seed)
            self.axes_ = np.ascontiguousarray(axes.T, np.float32)
        return self

    @property
    def width(self) -> int:
        """Return d."""
        return int(self.axes_.shape[1])

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return (n, d) rows of length 1; a text without a known term is absent."""
        texts = [_clean(raw) for raw in contents]
        vectors = self._tf_idf([text or "" for text in texts]) @ self.axes_
        norms = np.linalg.norm(vectors, axis=1)
        present = norms > 1e-6
        problems = {
            i: Problem("damaged", "no term of the vocabulary" if texts[i] else "empty text")
            for i in np.flatnonzero(~present).tolist()
            if contents[i] is not None
        }
        rows = np.where(present[:, None], vectors / np.where(present, norms, 1)[:, None], 0)
        return Embeddings(rows.astype(np.float32), present, problems)

    def _terms(self, texts: Sequence[str], analyzer: str) -> list[str]:
        vectorizer = _vectorizer(analyzer, min_df=min(self.min_items, max(1, len(texts))),
                                 max_features=self.max_terms)  # fmt: skip
        try:
            vectorizer.fit(texts)
        except ValueError:  # no terms: the texts are too few or too short
            return []
        return [str(term) for term in vectorizer.get_feature_names_out()]

    def _tf_idf(self, texts: Sequence[str]) -> Csr:
        """Return (n, terms) sublinear TF-IDF; words and pieces have length 1 each."""
        blocks, start = [], 0
        for analyzer, terms in (("word", self.words_), ("char_wb", self.pieces_)):
            if not terms:
                continue
            idf = self.idf_[start : start + len(terms)]
            start += len(terms)
            vectorizer = _vectorizer(analyzer, vocabulary=terms, use_idf=False, norm=None)
            counts = sparse.csr_array(vectorizer.fit_transform(texts), dtype=np.float32)
            weighted = counts @ sparse.diags_array(idf)
            norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).reshape(-1))
            scales = (1 / np.where(norms > 0, norms, 1)).astype(np.float32)
            blocks.append(sparse.diags_array(scales) @ weighted)
        if not blocks:
            return sparse.csr_array((len(texts), 0), dtype=np.float32)
        return sparse.csr_array(sparse.hstack(blocks))


_NGRAMS = {"word": (1, 2), "char_wb": (2, 4)}


def _vectorizer(analyzer: str, **options: object) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=_NGRAMS[analyzer],
        token_pattern=word_pattern(least=2) if analyzer == "word" else None,
        sublinear_tf=True,
        dtype=np.float32,
        **options,
    )


def _clean(raw: Raw | None) -> str:
    try:
        return "" if raw is None else clean_text(raw)
    except MediaError:
        return ""
