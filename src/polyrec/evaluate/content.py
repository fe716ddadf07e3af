"""Metrics of the content of a list: diversity of its items, calibration to the user's history."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from polyrec.types import Bools, Csr, Embeddings, Floats, Ints

_BATCH = 4096  # lists measured at once
_ALPHA = 0.01  # smoothing of calibration, as in the paper
_CLUSTERS = 20  # about the number of film genres
_ITERATIONS = 50


def diversity(lists: Ints, view: Embeddings) -> npt.NDArray[np.float64]:
    """Return (b,) the mean cosine distance between items of a list: 0 identical, 1 unrelated.

    Items without content are left out; a list with fewer than two others gives nan (intra-list
    distance: Ziegler et al., WWW 2005; Zhang & Hurley, RecSys 2008).

    >>> rows = np.array([[1, 0], [0, 1], [0, 2]], np.float32)
    >>> diversity(np.array([[0, 1], [1, 2]]), Embeddings(rows, np.ones(3, bool)))
    array([1., 0.])
    """
    unit = np.vstack([_unit_content(view), np.zeros((1, view.width), np.float32)])
    has_content: Bools = np.asarray(unit.any(axis=1))
    distances = np.empty(len(lists))
    for start in range(0, len(lists), _BATCH):
        rows = lists[start : start + _BATCH]  # -1, a pad, is the row of zeros
        total = np.zeros((len(rows), view.width))
        for column in rows.T:
            total += unit[column]
        count = has_content[rows].sum(axis=1)
        pairs = np.where(count > 1, count * (count - 1), np.nan)
        # |sum of unit rows|^2 = count + the cosines of all ordered pairs
        cosine = ((total**2).sum(axis=1) - count) / pairs
        distances[start : start + _BATCH] = np.clip(1 - cosine, 0, 2)
    return distances


def calibration(lists: Ints, history: Csr, labels: Csr) -> npt.NDArray[np.float64]:
    """Return (b,) the divergence of a list's labels from those of the history, in nats; 0: equal.

    `labels` (n, g) has a 1 for each label of an item; they share its weight. `history` (b, n) holds
    weights of 0 or more. KL(p || q') with q' = (1 - a) q + a p, a = .01, all listed items weighted
    equally; nan where history or list has no label (Steck, RecSys 2018).

    >>> genres = sparse.csr_array(np.eye(2))
    >>> taken = sparse.csr_array(np.array([[1.0, 1.0], [1.0, 1.0]]))
    >>> calibration(np.array([[0, 1], [0, 0]]), taken, genres).round(2)
    array([0.  , 1.96])
    """
    shares = labels.astype(np.float64)
    shares = sparse.csr_array(shares.multiply(1 / np.maximum(shares.sum(axis=1), 1)[:, None]))
    rows, ranks = (lists >= 0).nonzero()
    listed = sparse.csr_array(
        (np.ones(len(rows)), (rows, lists[rows, ranks])), shape=(len(lists), labels.shape[0])
    )
    p, q = _distributions(history @ shares), _distributions(listed @ shares)
    smooth = (1 - _ALPHA) * q + _ALPHA * p
    ratio = np.divide(p, smooth, out=np.ones_like(p), where=p > 0)
    labelled = np.isfinite(p).all(axis=1) & np.isfinite(q).all(axis=1)
    return np.where(labelled, (p * np.log(ratio)).sum(axis=1), np.nan)


def content_clusters(view: Embeddings, *, count: int = _CLUSTERS, seed: int = 0) -> Csr:
    """Return (n, c) with a 1 where an item belongs to a cluster; items without content to none.

    Spherical k-means (Dhillon & Modha, Machine Learning 2001), initialised as k-means++.

    >>> rows = np.array([[1, 0], [9, 1], [0, 1]], np.float32)
    >>> clusters = content_clusters(Embeddings(rows, np.ones(3, bool)), count=2)
    >>> (clusters @ clusters.T).toarray()  # pairs in one cluster
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    """
    unit = _unit_content(view)
    items = np.flatnonzero(unit.any(axis=1))
    rows = unit[items]
    centres = _initial_centres(rows, count, seed)
    nearest = np.zeros(len(rows), np.int64)
    for _ in range(_ITERATIONS if len(rows) else 0):
        before, nearest = nearest, (rows @ centres.T).argmax(axis=1)
        if np.array_equal(before, nearest):
            break
        sums = sparse.csr_array((np.ones(len(rows)), (nearest, np.arange(len(rows)))),
                                shape=(len(centres), len(rows))) @ rows  # fmt: skip
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        # a cluster without items, or whose items cancel out, keeps its centre
        centres = np.where(norms > 0, sums / np.where(norms > 0, norms, 1), centres)
    ones = np.ones(len(items))
    return sparse.csr_array((ones, (items, nearest)), shape=(len(view), max(1, len(centres))))


def _initial_centres(rows: Floats, count: int, seed: int) -> Floats:
    """Return up to `count` rows, each drawn by its distance to the earlier ones (k-means++)."""
    generator = np.random.default_rng(seed)
    centres = [int(generator.integers(len(rows)))] if len(rows) else []
    closest = np.full(len(rows), -np.inf)
    while centres and len(centres) < count:
        closest = np.maximum(closest, rows @ rows[centres[-1]])
        distance = np.maximum(0, 1 - closest)
        if distance.max() < 1e-6:
            break
        centres.append(int(generator.choice(len(rows), p=distance / distance.sum())))
    return rows[centres]


def _unit_content(view: Embeddings) -> Floats:
    """Return (n, d) rows of length 1; items without content are 0."""
    norms = np.linalg.norm(view.vectors, axis=1, keepdims=True)
    mask = view.present[:, None] & (norms > 0)
    return np.asarray(np.where(mask, view.vectors / np.where(mask, norms, 1), 0), np.float32)


def _distributions(weights: Csr) -> npt.NDArray[np.float64]:
    """Return rows that add up to 1, nan where a row is empty."""
    dense = weights.toarray()
    total = dense.sum(axis=1, keepdims=True)
    return np.asarray(dense / np.where(total > 0, total, np.nan))
