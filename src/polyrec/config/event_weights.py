"""What an event weighs: one rule for training and for the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from polyrec.types import Floats

UNNAMED_KIND = "event"
"""The kind of events whose data have no kinds."""

_SEEN_KIND = "read"  # Gorse's: the item was shown, and no more is known


@dataclass(frozen=True)
class EventWeights:
    """The weight of an event: that of its kind; 0 where it is rated below `min_rating`.

    Weight 0 is "seen": the item is hidden from the user's lists, and neither liked nor disliked.
    A kind that is not in `kinds` weighs 0, but events without a kind weigh 1; where `kinds` is
    empty, every kind but "read" weighs 1. Training refuses kinds that a config does not name
    (`data.load`), since there a person can still name them; a service takes what clients send.

    >>> weights = EventWeights({"like": 2.0, "dislike": -2.0}, min_rating=3)
    >>> [weights.of(kind) for kind in ("like", "dislike", "event", "read", "glance")]
    [2.0, -2.0, 1.0, 0.0, 0.0]
    >>> weights.of("like", rating=2.5)
    0.0
    """

    kinds: Mapping[str, float] = field(default_factory=dict)
    min_rating: float | None = None

    def of(self, kind: str, *, rating: float | None = None) -> float:
        """Return the weight of one event."""
        if rating is not None and self.min_rating is not None and rating < self.min_rating:
            return 0.0
        default = 1.0 if kind == UNNAMED_KIND or not (self.kinds or kind == _SEEN_KIND) else 0.0
        return self.kinds.get(kind, default)

    def of_events(
        self,
        kinds: Sequence[str],
        codes: npt.NDArray[np.int16],
        *,
        ratings: Floats | None = None,
    ) -> Floats:
        """Return (e,) weights; event i is of the kind `kinds[codes[i]]`."""
        weights = np.array([self.of(kind) for kind in kinds], np.float32)[codes]
        if ratings is not None and self.min_rating is not None:
            weights[ratings < self.min_rating] = 0
        return weights
