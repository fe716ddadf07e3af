"""Feed a model in batches that fit its memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from polyrec.errors import MediaError
from polyrec.types import Floats

Given = TypeVar("Given")


@dataclass
class Batches:
    """Runs a model on inputs, `size` at a time, and on fewer once memory has run out.

    >>> Batches(2).run(lambda some: np.float32([[len(some)] for _ in some]), "abc").ravel()
    array([2., 2., 1.], dtype=float32)
    """

    size: int

    def run(self, model: Callable[[Sequence[Given]], Floats], inputs: Sequence[Given]) -> Floats:
        """Return one row per input; a single one that doesn't fit raises `MediaError`."""
        rows: list[Floats] = []
        start = 0
        while start < len(inputs):
            some = inputs[start : start + self.size]
            try:
                rows.append(model(some))
            except (MemoryError, RuntimeError) as error:
                if not is_memory(error):
                    raise
                if len(some) == 1:
                    remedy = "use a smaller model, or fewer tokens or frames"
                    raise MediaError(
                        "one content fills the memory", remedy=remedy, status="too large"
                    ) from error
                self.size = len(some) // 2
                gc.collect()
                continue
            start += len(some)
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)


def is_memory(error: BaseException) -> bool:
    """Return whether an error says that memory has run out (torch raises RuntimeErrors)."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in told or "allocate memory" in told
