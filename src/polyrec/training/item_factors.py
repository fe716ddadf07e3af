"""Items as behaviour alone describes them: factors, and how often two are taken together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from polyrec.types import Bools, Csr, Floats, Interactions, Ints


class ItemFactors(NamedTuple):
    """The items' side of behaviour."""

    rows: Ints  # (m,) of the requested items, those with events
    factors: Floats  # (n, width) centred, about length 1; 0 for items without events
    cooccurrence: Csr  # (n, n) weighted number of users of both items; columns in `rows`
    takers: Csr  # (u, n) 1 where the user took the item; columns in `rows`


def factorize_items(
    train: Interactions | None, rows: Ints, width: int, *, seed: int
) -> ItemFactors:
    """Return factors and co-occurrences of the items in `rows`, from a normalised matrix.

    Entries are 1 / sqrt(events of the user x events of the item), so that active users and popular
    items don't outweigh the others; its truncated SVD gives the factors (PureSVD, Cremonesi et al.,
    RecSys 2010), each at length 1, then centred: what all items share distinguishes none.
    """
    if train is None or not len(train):
        empty = sparse.csr_array((0, 0), dtype=np.float32)
        return ItemFactors(rows[:0], np.zeros((0, width), np.float32), empty, empty)
    matrix = train.positives()
    matrix.data[:] = 1
    taken = np.zeros(matrix.shape[1], bool)
    taken[matrix.indices] = True
    usable = rows[taken[rows]]
    users = 1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1))
    items = 1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1))
    scaled = sparse.csr_array(sparse.diags_array(users) @ matrix @ sparse.diags_array(items))
    mask = np.zeros(matrix.shape[1], np.float32)
    mask[usable] = 1
    cooccurrence = sparse.csr_array(scaled.T @ scaled @ sparse.diags_array(mask))
    cooccurrence.setdiag(0)
    takers = sparse.csr_array(matrix @ sparse.diags_array(mask))
    for table in (cooccurrence, takers):
        table.eliminate_zeros()
    return ItemFactors(usable, _svd_factors(scaled, taken, width, seed=seed), cooccurrence, takers)


def _svd_factors(scaled: Csr, taken: Bools, width: int, *, seed: int) -> Floats:
    vectors = np.zeros((scaled.shape[1], width), np.float32)
    rank = min(width, *(extent - 1 for extent in scaled.shape))
    if rank < 1 or not taken.any():
        return vectors
    _, singular_values, axes = randomized_svd(scaled, rank, n_iter=4, random_state=seed)
    factors = (axes * singular_values[:, None]).T  # (n, rank)
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    vectors[:, :rank] = factors / np.maximum(lengths, 1e-12)
    vectors[taken] -= vectors[taken].mean(axis=0)
    vectors[~taken] = 0
    return vectors
