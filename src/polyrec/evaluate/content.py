"""What a user's list is made of: how unlike its items are, and whether it keeps a user's mix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from polyrec.types import Bools, Csr, Embeddings, Floats, Ints

_USERS = 4096  # lists measured at once
_SMOOTHED = 0.01  # calibration's alpha, as its author chose it
_CLUSTERS = 20  # about as many as films have genres
_ROUNDS = 50


def diversity(lists: Ints, view: Embeddings) -> npt.NDArray[np.float64]:
    """Return (b,) the mean cosine distance of two items of a list: 0 all alike, 1 unrelated.

    Items without content are left out; a list with less than two others gives nan (intra-list
    distance: Ziegler et al., WWW 2005; Zhang & Hurley, RecSys 2008).

    >>> rows = np.array([[1, 0], [0, 1], [0, 2]], np.float32)
    >>> diversity(np.array([[0, 1], [1, 2]]), Embeddings(rows, np.ones(3, bool)))
    array([1., 0.])
    """
    unit = np.vstack([_directions(view), np.zeros((1, view.width), np.float32)])
    told: Bools = np.asarray(unit.any(axis=1))
    found = np.empty(len(lists))
    for start in range(0, len(lists), _USERS):
        rows = lists[start : start + _USERS]  # -1, a pad, is the row of zeros
        total = np.zeros((len(rows), view.width))
        for column in rows.T:
            total += unit[column]
        count = told[rows].sum(axis=1)
        pairs = np.where(count > 1, count * (count - 1), np.nan)
        # |sum of unit rows|^2 = count + the cosines of all ordered pairs
        cosine = ((total**2).sum(axis=1) - count) / pairs
        found[start : start + _USERS] = np.clip(1 - cosine, 0, 2)
    return found


def calibration(lists: Ints, history: Csr, labels: Csr) -> npt.NDArray[np.float64]:
    """Return (b,) how far a list's mix of labels is from its user's history, in nats; 0: the same.

    `labels` (n, g) says with 1 which labels an item has; they share its weight. `history` (b, n)
    holds weights of 0 or more. KL(p || q') with q' = (1 - a) q + a p, a = .01, every listed item
    weighing the same; nan where history or list has no label (Steck, RecSys 2018).

    >>> genres = sparse.csr_array(np.eye(2))
    >>> taken = sparse.csr_array(np.array([[1.0, 1.0], [1.0, 1.0]]))
    >>> calibration(np.array([[0, 1], [0, 0]]), taken, genres).round(2)
    array([0.  , 1.96])
    """
    shares = labels.astype(np.float64)
    shares = sparse.csr_array(shares.multiply(1 / np.maximum(shares.sum(axis=1), 1)[:, None]))
    rows, places = (lists >= 0).nonzero()
    listed = sparse.csr_array(
        (np.ones(len(rows)), (rows, lists[rows, places])), shape=(len(lists), labels.shape[0])
    )
    wanted, got = _mix(history @ shares), _mix(listed @ shares)
    smooth = (1 - _SMOOTHED) * got + _SMOOTHED * wanted
    ratio = np.divide(wanted, smooth, out=np.ones_like(wanted), where=wanted > 0)
    told = np.isfinite(wanted).all(axis=1) & np.isfinite(got).all(axis=1)
    return np.where(told, (wanted * np.log(ratio)).sum(axis=1), np.nan)


def content_clusters(view: Embeddings, *, count: int = _CLUSTERS, seed: int = 0) -> Csr:
    """Return (n, c) with a 1 where an item belongs to a cluster; items without content to none.

    Spherical k-means (Dhillon & Modha, Machine Learning 2001), begun at items far apart.

    >>> rows = np.array([[1, 0], [9, 1], [0, 1]], np.float32)
    >>> found = content_clusters(Embeddings(rows, np.ones(3, bool)), count=2)
    >>> (found @ found.T).toarray()  # who is together
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    """
    unit = _directions(view)
    having = np.flatnonzero(unit.any(axis=1))
    rows = unit[having]
    centres = _far_apart(rows, count, seed)
    nearest = np.zeros(len(rows), np.int64)
    for _ in range(_ROUNDS if len(rows) else 0):
        before, nearest = nearest, (rows @ centres.T).argmax(axis=1)
        if np.array_equal(before, nearest):
            break
        sums = sparse.csr_array((np.ones(len(rows)), (nearest, np.arange(len(rows)))),
                                shape=(len(centres), len(rows))) @ rows  # fmt: skip
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        # a cluster that lost all its items, or whose items cancel out, stays where it was
        centres = np.where(norms > 0, sums / np.where(norms > 0, norms, 1), centres)
    found = (np.ones(len(having)), (having, nearest))
    return sparse.csr_array(found, shape=(len(view), max(1, len(centres))))


def _far_apart(rows: Floats, count: int, seed: int) -> Floats:
    """Return up to `count` rows, each drawn by its distance to those before (k-means++)."""
    generator = np.random.default_rng(seed)
    chosen = [int(generator.integers(len(rows)))] if len(rows) else []
    closest = np.full(len(rows), -np.inf)
    while chosen and len(chosen) < count:
        closest = np.maximum(closest, rows @ rows[chosen[-1]])
        distance = np.maximum(0, 1 - closest)
        if distance.max() < 1e-6:
            break
        chosen.append(int(generator.choice(len(rows), p=distance / distance.sum())))
    return rows[chosen]


def _directions(view: Embeddings) -> Floats:
    """Return (n, d) rows of length 1; items without content are 0."""
    norms = np.linalg.norm(view.vectors, axis=1, keepdims=True)
    told = view.present[:, None] & (norms > 0)
    return np.asarray(np.where(told, view.vectors / np.where(told, norms, 1), 0), np.float32)


def _mix(weights: Csr) -> npt.NDArray[np.float64]:
    """Return rows that add up to 1, nan where there is nothing."""
    dense = weights.toarray()
    total = dense.sum(axis=1, keepdims=True)
    return np.asarray(dense / np.where(total > 0, total, np.nan))
