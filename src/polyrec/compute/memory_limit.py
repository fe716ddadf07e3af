"""How much memory this process may use: the container's limit, or else the machine's memory."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of cgroups version 2 and 1


def memory_limit(cgroup: Path = _CGROUP) -> int:
    """Return the bytes that this process may use in all.

    >>> memory_limit() > 2**20
    True
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _LIMITS:
        try:
            limits.append(int((cgroup / name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such version, or "max"
            continue
    return min(limits)
