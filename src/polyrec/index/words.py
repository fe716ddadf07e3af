"""Search by words: BM25 over titles and texts, to which documents are added at any time."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse

from polyrec.index.terms import search_terms
from polyrec.types import Floats, Ints

_MAX_TAIL = 4_096  # documents that are scanned before they are sorted into the matrix
_REMARK = re.compile(r"\s*[(\[（][^()\[\]（）]*[)\]）]\s*$")
_MAX_TERMS = 20_000  # of a document: the rest of a longer one is not indexed


class _Arrays(NamedTuple):
    """Copies of an index's growing arrays; views would forbid them to grow."""

    rows: Ints  # (slots,) -1 for a document that is gone
    lengths: Floats  # (slots,) divided by the mean of all documents
    tail: tuple[Ints, Ints, Floats]  # slots, columns, frequencies
    row_count: int

    @classmethod
    def of(
        cls,
        rows: array[int],
        lengths: array[float],
        tail: tuple[array[int], array[int], array[float]],
    ) -> _Arrays:
        """Return the copies."""
        slots, sizes = np.array(rows), np.array(lengths)
        mean = sizes[slots >= 0].mean() if (slots >= 0).any() else 1
        copies = (np.array(tail[0]), np.array(tail[1]), np.array(tail[2]))
        relative = np.asarray(sizes / max(mean, 1e-9), np.float32)
        return cls(slots, relative, copies, int(slots.max(initial=-1)) + 1)


@dataclass
class WordIndex:
    """BM25 (Robertson and Zaragoza, 2009) with idf = log(1 + (n - df + .5) / (df + .5)).

    A document has a row number of the caller's. A term in the title counts as `title_weight` terms
    of the text. New documents are kept in a short list, which is merged into a sparse matrix by
    columns (documents x terms) when it is long. Not thread-safe.

    >>> index = WordIndex()
    >>> index.put(0, "Red lamp", "A lamp for the kitchen")
    >>> index.put(3, "Kitchen table", "Oak")
    >>> index.score("kitchen lamp").round(1)
    array([1.3, 0. , 0. , 0.3], dtype=float32)
    >>> index.titled("RED lamp")
    array([0])
    """

    k1: float = 1.2
    b: float = 0.75
    title_weight: int = 3

    _columns: dict[str, int] = field(default_factory=dict, init=False, repr=False)  # of terms
    # a set only where titles are equal: sets of single rows would take half of the memory
    _titles: dict[str, int | set[int]] = field(default_factory=dict, init=False, repr=False)
    _title_of: dict[int, str] = field(default_factory=dict, init=False, repr=False)
    # a slot is one version of a document; a replaced one stays in the matrix as a dead slot
    _slots: dict[int, int] = field(default_factory=dict, init=False, repr=False)  # row -> slot
    _rows: array[int] = field(default_factory=lambda: array("q"), init=False, repr=False)
    _lengths: array[float] = field(default_factory=lambda: array("f"), init=False, repr=False)
    _tail: tuple[array[int], array[int], array[float]] = field(init=False, repr=False)
    _matrix: sparse.csc_array = field(init=False, repr=False)
    _arrays: _Arrays | None = field(default=None, init=False, repr=False)  # of the last query

    def __post_init__(self) -> None:
        self._matrix = sparse.csc_array((0, 0), dtype=np.float32)
        self._clear_tail()

    @classmethod
    def of(cls, titles: Sequence[str], texts: Sequence[str]) -> Self:
        """Return the index of the rows of a catalogue; `texts` may be shorter."""
        index = cls()
        for row, (title, text) in enumerate(zip_longest(titles, texts, fillvalue="")):
            index.put(row, title, text)
        return index

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, row: int, title: str, text: str = "") -> None:
        """Add a document, or replace the one of this row."""
        self.remove(row)
        title_terms = search_terms(title)[:_MAX_TERMS]
        counts = Counter(search_terms(text)[:_MAX_TERMS])
        for term in title_terms:
            counts[term] += self.title_weight
        slot = self._slots[row] = len(self._rows)
        self._rows.append(row)
        self._arrays = None
        self._lengths.append(counts.total())
        slots, columns, frequencies = self._tail
        known = self._columns
        slots.extend([slot] * len(counts))
        columns.extend([known.setdefault(term, len(known)) for term in counts])
        frequencies.extend(counts.values())
        self._title_of[row] = title
        for key in _title_keys(title):
            rows = self._titles.setdefault(key, row)
            if isinstance(rows, set):
                rows.add(row)
            elif rows != row:
                self._titles[key] = {rows, row}

    def remove(self, row: int) -> None:
        """Remove the document of a row, if there is one."""
        slot = self._slots.pop(row, None)
        if slot is None:
            return
        self._rows[slot] = -1
        self._arrays = None
        for key in _title_keys(self._title_of.pop(row)):
            rows = self._titles[key]
            if isinstance(rows, set):
                rows.discard(row)
            if rows == row or rows == set():
                del self._titles[key]

    def score(self, query: str) -> Floats:
        """Return (rows,) the score of each row up to the last, 0 where no term matches."""
        if len(self._rows) - self._matrix.shape[0] > _MAX_TAIL:
            self._merge()
        if self._arrays is None:
            self._arrays = _Arrays.of(self._rows, self._lengths, self._tail)
        scores = np.zeros(self._arrays.row_count, np.float32)
        for term, repeats in Counter(search_terms(query)).items():
            slots, frequencies = self._postings(term, self._arrays)
            if not len(slots):
                continue
            idf = math.log(1 + (len(self) - len(slots) + 0.5) / (len(slots) + 0.5))
            saturation = self.k1 * (1 - self.b + self.b * self._arrays.lengths[slots])
            gains = frequencies * (self.k1 + 1) / (frequencies + saturation)
            # a row has one slot that is alive
            scores[self._arrays.rows[slots]] += repeats * idf * gains
        return scores

    def titled(self, query: str) -> Ints:
        """Return the rows whose title is a query, ascending: its terms, if need be in any order.

        A title may end with a remark in brackets, a year for example, that the query lacks.
        """
        terms = search_terms(query)
        rows = self._titles.get(_in_order(terms), self._titles.get(_any_order(terms), set()))
        return np.array(sorted(rows if isinstance(rows, set) else {rows}), np.int64)

    def _postings(self, term: str, arrays: _Arrays) -> tuple[Ints, Floats]:
        """Return the slots of the documents with a term, and how often they have it."""
        column = self._columns.get(term, -1)
        slots, columns, frequencies = arrays.tail
        listed = np.flatnonzero(columns == column)
        slots, frequencies = slots[listed], frequencies[listed]
        if 0 <= column < self._matrix.shape[1]:
            span = slice(*self._matrix.indptr[column : column + 2])
            slots = np.concatenate([self._matrix.indices[span], slots])
            frequencies = np.concatenate([self._matrix.data[span], frequencies])
        kept = arrays.rows[slots] >= 0
        return slots[kept], frequencies[kept]

    def _merge(self) -> None:
        """Merge the tail into the matrix; slots of documents that are gone are given up."""
        old = self._matrix.tocoo()
        slots, columns, frequencies = (np.array(part) for part in self._tail)
        slots = np.concatenate([old.row, slots]).astype(np.int64)
        columns = np.concatenate([old.col, columns]).astype(np.int64)
        frequencies = np.concatenate([old.data, frequencies]).astype(np.float32)
        rows = np.array(self._rows)
        alive = rows >= 0
        renumbered = np.cumsum(alive) - 1
        kept = alive[slots]
        shape = (int(alive.sum()), len(self._columns))
        positions = (renumbered[slots[kept]], columns[kept])
        self._matrix = sparse.csc_array((frequencies[kept], positions), shape=shape)
        self._lengths = array("f", np.array(self._lengths, np.float32)[alive].tobytes())
        self._rows = array("q", rows[alive].astype(np.int64).tobytes())
        self._slots = {row: slot for slot, row in enumerate(self._rows)}
        self._clear_tail()

    def _clear_tail(self) -> None:
        self._tail = (array("q"), array("q"), array("f"))
        self._arrays = None


def _title_keys(title: str) -> set[str]:
    variants = [search_terms(title), search_terms(_REMARK.sub("", title))]
    return {key(terms) for terms in variants if terms for key in (_in_order, _any_order)}


def _in_order(terms: Sequence[str]) -> str:
    return " ".join(terms)


def _any_order(terms: Sequence[str]) -> str:
    return " ".join(["*", *sorted(terms)])  # no term is a star
