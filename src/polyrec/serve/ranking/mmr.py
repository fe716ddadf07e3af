"""Reorder a list so that its items differ: maximal marginal relevance."""

from __future__ import annotations

import numpy as np

from polyrec.index.vectors import unit_rows
from polyrec.types import Floats, Ints


def diversify(scores: Floats, vectors: Floats, k: int, *, diversity: float) -> Ints:
    """Return the positions of k of b candidates, in the order in which they are picked.

    Each pick maximises (1 - d) relevance - d similarity, relevance being the score brought to 0..1
    and similarity the largest cosine to what was picked before (Carbonell and Goldstein, SIGIR
    1998). Zero rows (items without content) have similarity 0 to all. Time: k b d.

    >>> vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    >>> diversify(np.array([3, 2, 1], np.float32), vectors, 2, diversity=0.6)
    array([0, 2])
    """
    unit = unit_rows(vectors)
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    relevance = (scores - scores.min(initial=np.inf)) / (spread or 1.0)
    gains = (1 - diversity) * relevance
    similarity = np.full(len(scores), -np.inf, np.float32)  # to the nearest pick
    picked: list[int] = []
    for _ in range(min(k, len(scores))):
        penalty = diversity * similarity if picked else 0.0
        net = gains - penalty
        net[picked] = -np.inf
        picked.append(int(net.argmax()))
        similarity = np.maximum(similarity, unit @ unit[picked[-1]])
    return np.array(picked, np.int64)
