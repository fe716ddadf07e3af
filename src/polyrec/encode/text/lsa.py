"""TF-IDF of words and character n-grams, then a truncated SVD: any language, no download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from polyrec.errors import MediaError
from polyrec.media.text import clean_text
from polyrec.types import Csr, Embeddings, Floats, Interactions, Problem, Raw


@dataclass
class LSA:
    """Latent semantic analysis (Deerwester et al., JASIS 1990) of a catalogue's texts.

    Words and pairs of words, and 2 to 4 characters within words (so that Chinese, Thai or a typo
    has terms too), each kept if `min_items` texts hold it and weighted (1 + log tf) idf. The left
    singular vectors of the train texts times singular values, at length 1.

    >>> encoder = LSA(components=2, min_items=1).fit(["red shoe", "blue shoe", "tea pot"], None)
    >>> encoder.encode(["a shoe", None]).present
    array([ True, False])
    """

    components: int = 256  # at most; fewer where the texts hold less
    min_items: int = 2
    max_terms: int = 50_000  # of each sort
    seed: int = 7
    modality: str = "text"

    words_: list[str] = field(init=False, repr=False, compare=False)
    pieces_: list[str] = field(init=False, repr=False, compare=False)
    idf_: Floats = field(init=False, repr=False, compare=False)  # (words + pieces,)
    axes_: Floats = field(init=False, repr=False, compare=False)  # (words + pieces, d)

    def fit(self, contents: Sequence[Raw | None], train: Interactions) -> Self:  # noqa: ARG002
        """Learn terms, their weights and the axes from the texts that are there."""
        texts = [text for raw in contents if (text := _clean(raw))]
        self.words_ = self._terms(texts, "word")
        self.pieces_ = self._terms(texts, "char_wb")
        self.idf_ = np.ones(len(self.words_) + len(self.pieces_), np.float32)
        counts = self._weigh(texts)
        documents = np.diff(sparse.csc_array(counts).indptr)
        self.idf_ = (np.log((1 + len(texts)) / (1 + documents)) + 1).astype(np.float32)
        weighed = self._weigh(texts)
        rank = (
            min(self.components, *(extent - 1 for extent in weighed.shape))
            if min(weighed.shape)
            else 0
        )
        self.axes_ = np.zeros((weighed.shape[1], max(0, rank)), np.float32)
        if rank > 0:
            _, _, axes = randomized_svd(weighed, rank, n_iter=4, random_state=self.seed)
            self.axes_ = np.ascontiguousarray(axes.T, np.float32)
        return self

    @property
    def width(self) -> int:
        """Return d."""
        return int(self.axes_.shape[1])

    def encode(self, contents: Sequence[Raw | None]) -> Embeddings:
        """Return (n, d) rows of length 1; a text without a known term is absent."""
        texts = [_clean(raw) for raw in contents]
        vectors = self._weigh([text or "" for text in texts]) @ self.axes_
        norms = np.linalg.norm(vectors, axis=1)
        present = norms > 1e-6
        problems = {
            i: Problem("damaged", "no term that the catalogue knows" if texts[i] else "empty text")
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
        except ValueError:  # no term is left: texts too few or too short
            return []
        return [str(term) for term in vectorizer.get_feature_names_out()]

    def _weigh(self, texts: Sequence[str]) -> Csr:
        """Return (n, terms) sublinear TF-IDF, words and pieces each at length 1."""
        blocks, start = [], 0
        for analyzer, terms in (("word", self.words_), ("char_wb", self.pieces_)):
            if not terms:
                continue
            idf = self.idf_[start : start + len(terms)]
            start += len(terms)
            vectorizer = _vectorizer(analyzer, vocabulary=terms, use_idf=False, norm=None)
            counts = sparse.csr_array(vectorizer.fit_transform(texts), dtype=np.float32)
            weighed = counts @ sparse.diags_array(idf)
            norms = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).reshape(-1))
            blocks.append(
                sparse.diags_array((1 / np.where(norms > 0, norms, 1)).astype(np.float32)) @ weighed
            )
        if not blocks:
            return sparse.csr_array((len(texts), 0), dtype=np.float32)
        return sparse.csr_array(sparse.hstack(blocks))


_NGRAMS = {"word": (1, 2), "char_wb": (2, 4)}


def _vectorizer(analyzer: str, **options: object) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=_NGRAMS[analyzer],
        sublinear_tf=True,
        dtype=np.float32,
        **options,
    )


def _clean(raw: Raw | None) -> str:
    try:
        return "" if raw is None else clean_text(raw)
    except MediaError:
        return ""
