"""Early stopping: the value that is measured between the epochs of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class EarlyStop:
    """A value that is measured between epochs; its best epoch's weights are kept.

    >>> EarlyStop(lambda: 0.5).is_better(0.4, than=0.5)
    True
    """

    measure: Callable[[], float]
    name: str = "valid loss"
    higher_is_better: bool = False
    every: int = 1  # epochs from one measurement to the next

    def is_better(self, value: float, *, than: float) -> bool:
        """Return whether a value is an improvement."""
        return value > than if self.higher_is_better else value < than
