"""What is measured between the epochs of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class EarlyStop:
    """What is measured between epochs and decides when to stop.

    >>> EarlyStop(lambda: 0.5).better(0.4, than=0.5)
    True
    """

    measure: Callable[[], float]
    name: str = "valid loss"
    higher: bool = False  # whether more is better
    every: int = 1  # epochs from one measurement to the next

    def better(self, value: float, *, than: float) -> bool:
        """Return whether a value is an improvement."""
        return value > than if self.higher else value < than
