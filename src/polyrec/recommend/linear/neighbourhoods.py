"""Who are an item's neighbours: by behaviour the largest entries of R'R, by content those of C."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from polyrec.index.semantic_ids import k_means, nearest_centres
from polyrec.index.topk import top_k
from polyrec.recommend.linear.gram import in_units
from polyrec.types import Csr, Floats, Interactions, Ints

_PAIRS = 2**26  # products of events, and scores, held at once
_CELL = 1024  # rows of content per cell, roughly
_PROBED = 8  # cells that are looked through for the neighbours of a cell's rows
_SAMPLE = 50_000  # rows that centres are learned from


class SparseGram(NamedTuple):
    """R'R with the most telling entries of each row alone, these first; item n pads with 0."""

    items: npt.NDArray[np.int32]  # (n, w)
    values: Floats  # (n, w)
    diagonal: Floats  # (n,)


def sparse_gram(train: Interactions, width: int, shrink: float) -> SparseGram:
    """Return the `width` entries of each row of R'R with the largest |G_ij| / (G_jj + shrink)^.5.

    R is in the units of `gram`. Rows are made in blocks, so that R'R is never held as a whole.
    """
    users = in_units(train)
    taken = users.T.tocsr()
    taken.sum_duplicates()
    diagonal = np.asarray(taken.multiply(taken).sum(axis=1), np.float32).reshape(-1)
    scale = 1 / np.sqrt(diagonal + np.float32(shrink))
    count = len(diagonal)
    items = np.full((count, width), count, np.int32)
    values = np.zeros((count, width), np.float32)
    for start, stop in _blocks(users, taken):
        block = (taken[start:stop] @ users).tocsr()
        for row in range(start, stop):
            entries = slice(block.indptr[row - start], block.indptr[row - start + 1])
            others, products = block.indices[entries], block.data[entries]
            kept = np.flatnonzero(others != row)
            likeness = np.abs(products[kept]) * scale[others[kept]]
            if len(kept) > width:
                best = np.argpartition(-likeness, width)[:width]
                kept, likeness = kept[best], likeness[best]
            kept = kept[np.lexsort((others[kept], -likeness))]
            items[row, : len(kept)] = others[kept]
            values[row, : len(kept)] = products[kept]
    return SparseGram(items, values, diagonal)


def _blocks(users: Csr, taken: Csr) -> Iterator[tuple[int, int]]:
    """Yield ranges of items whose rows of R'R take at most so many products."""
    lengths = np.diff(users.indptr)
    per_event = lengths[taken.indices].astype(np.int64)
    products = np.concatenate([[0], np.cumsum(per_event)])[taken.indptr]
    start = 0
    while start < taken.shape[0]:
        stop = int(np.searchsorted(products, products[start] + _PAIRS, "right")) - 1
        stop = min(max(stop, start + 1), taken.shape[0])
        yield start, stop
        start = stop


def content_neighbours(rows: Floats, count: int, seed: int = 7) -> Ints:
    """Return (n, count) the other rows with the largest dot products, -1 where there are fewer.

    Exact for a few thousand rows. Of more, each row is compared with the rows of the cells that are
    nearest to its own: an inverted file (Jégou et al., IEEE TPAMI 2011). Rows of 0 have none.
    """
    neighbours = np.full((len(rows), count), -1, np.int64)
    present = np.flatnonzero(rows.any(axis=1))
    if not len(present):
        return neighbours
    generator = np.random.default_rng(seed)
    sample = present[:: max(1, len(present) // _SAMPLE)]
    centres = k_means(rows[sample], -(-len(present) // _CELL), rounds=5, generator=generator)
    owners = nearest_centres(rows[present], centres)
    cells = [present[owners == cell] for cell in range(len(centres))]
    near, _ = top_k(centres @ centres.T - (centres**2).sum(axis=1) / 2, _PROBED)
    for cell, members in enumerate(cells):
        others = np.unique(np.concatenate([members, *(cells[i] for i in near[cell] if i >= 0)]))
        step = max(1, _PAIRS // max(1, len(others)))
        for start in range(0, len(members), step):
            part = members[start : start + step]
            scores = rows[part] @ rows[others].T
            scores[np.arange(len(part)), np.searchsorted(others, part)] = -np.inf
            best, _ = top_k(scores, count)
            neighbours[part] = np.where(best >= 0, others[best], -1)
    return neighbours
