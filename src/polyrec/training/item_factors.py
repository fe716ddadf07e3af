"""What behaviour says of items by itself: their factors, and who was taken with whom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from polyrec.types import Csr, Floats, Interactions, Ints


class ItemFactors(NamedTuple):
    """The items' side of behaviour."""

    rows: Ints  # (m,) of the items asked for, those that someone took
    vectors: Floats  # (n, width) centred factors, about length 1; 0 for items nobody took
    near: Csr  # (n, n) how often two items were taken by one user, weighed; columns in `rows`
    taken: Csr  # (u, n) who took what; columns in `rows`


def factorize_items(
    train: Interactions | None, rows: Ints, width: int, *, seed: int
) -> ItemFactors:
    """Return factors and neighbours of items, from a normalised matrix.

    Entries are 1 / sqrt(events of the user x events of the item), so that active users and popular
    items don't outweigh the others; its truncated SVD gives the factors (PureSVD, Cremonesi et al.,
    RecSys 2010), each at length 1, then centred: what all items share tells none from another.
    """
    if train is None or not len(train):
        nobody = sparse.csr_array((0, 0), dtype=np.float32)
        return ItemFactors(rows[:0], np.zeros((0, width), np.float32), nobody, nobody)
    matrix = train.positives()
    matrix.data[:] = 1
    touched = np.zeros(matrix.shape[1], bool)
    touched[matrix.indices] = True
    usable = rows[touched[rows]]
    users = 1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1))
    items = 1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1))
    scaled = sparse.csr_array(sparse.diags_array(users) @ matrix @ sparse.diags_array(items))
    here = np.zeros(matrix.shape[1], np.float32)
    here[usable] = 1
    near = sparse.csr_array(scaled.T @ scaled @ sparse.diags_array(here))
    near.setdiag(0)
    taken = sparse.csr_array(matrix @ sparse.diags_array(here))
    for table in (near, taken):
        table.eliminate_zeros()
    return ItemFactors(usable, _factors(scaled, touched, width, seed=seed), near, taken)


def _factors(scaled: Csr, touched: np.ndarray, width: int, *, seed: int) -> Floats:
    vectors = np.zeros((scaled.shape[1], width), np.float32)
    rank = min(width, *(extent - 1 for extent in scaled.shape))
    if rank < 1 or not touched.any():
        return vectors
    _, strength, axes = randomized_svd(scaled, rank, n_iter=4, random_state=seed)
    factors = (axes * strength[:, None]).T  # (n, rank)
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    vectors[:, :rank] = factors / np.maximum(lengths, 1e-12)
    vectors[touched] -= vectors[touched].mean(axis=0)
    vectors[~touched] = 0
    return vectors
