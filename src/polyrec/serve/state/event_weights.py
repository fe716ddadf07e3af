"""What one feedback is worth: the weight that its event has in a history.

The rules are those of training: the type's weight from the bundle's config, and 0 (seen, no
positive) for what is rated below `min_rating`. In a config that weighs kinds, a type that it
does not name is worth 0; in one that weighs none, every type is worth 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from polyrec.config import Config

_PLAIN = "event"  # the kind of events whose data name none


@dataclass(frozen=True)
class Worth:
    """The weights of feedback.

    >>> worth = Worth({"like": 2.0, "dislike": -2.0}, read_types=("read",))
    >>> [worth.of(name, 0.0, None) for name in ("like", "dislike", "read", "glance")]
    [2.0, -2.0, 0.0, 0.0]
    """

    weights: Mapping[str, float]
    read_types: tuple[str, ...] = ()
    min_rating: float | None = None

    @classmethod
    def by(cls, config: Config, *, read_types: tuple[str, ...]) -> Worth:
        """Return the weights of a bundle's config."""
        return cls(config.weights, read_types, config.data.min_rating)

    def of(self, feedback_type: str, value: float, weight: float | None) -> float:
        """Return a feedback's weight; `weight`, where it is known, is what training gave it.

        A value of 0 is none: Gorse's clients send it where there is no rating.
        """
        if weight is not None:
            return weight
        if feedback_type in self.read_types:
            return self.weights.get(feedback_type, 0.0)
        if self.min_rating is not None and value and value < self.min_rating:
            return 0.0
        known = not self.weights or feedback_type == _PLAIN
        return self.weights.get(feedback_type, 1.0 if known else 0.0)
