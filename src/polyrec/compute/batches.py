"""Run a model in batches that fit the memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from polyrec.errors import MediaError
from polyrec.types import Floats

Input = TypeVar("Input")


@dataclass
class Batches:
    """Runs a model on `size` inputs at a time, and on half as many when memory runs out.

    >>> Batches(2).run(lambda batch: np.float32([[len(batch)] for _ in batch]), "abc").ravel()
    array([2., 2., 1.], dtype=float32)
    """

    size: int

    def run(self, model: Callable[[Sequence[Input]], Floats], inputs: Sequence[Input]) -> Floats:
        """Return one row per input; an input that alone exceeds the memory raises `MediaError`."""
        rows: list[Floats] = []
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.size]
            try:
                rows.append(model(batch))
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    remedy = "use a smaller model, or fewer tokens or frames"
                    raise MediaError(
                        "one content exceeds the memory", remedy=remedy, status="too large"
                    ) from error
                self.size = len(batch) // 2
                gc.collect()
                continue
            start += len(batch)
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory has run out (torch raises RuntimeErrors)."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
