"""Sort millions of events by several keys in one go."""

from __future__ import annotations

import numpy as np

from polyrec.types import Ints

_MOST = 2**63 - 1


def order_by(*keys: Ints) -> Ints:
    """Return the rows in the order of several integer keys, the first counting most.

    Where the keys fit into 63 bits together, one sort of one number does it, some five times
    faster than a sort per key. Rows alike in all keys come in any, but always the same, order.

    >>> order_by(np.array([1, 0, 1]), np.array([5, 9, 4]))
    array([1, 2, 0])
    """
    code = np.zeros(len(keys[0]), np.int64)
    room = 1
    for key in keys if len(code) else ():
        low = int(key.min())
        span = int(key.max()) - low + 1
        room *= span
        if room > _MOST:
            return np.lexsort(keys[::-1])
        code = code * span + (key - low)
    return np.argsort(code)
