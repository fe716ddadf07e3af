"""Why an item has its score, as a sum of parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """Why an item has its score: score = baseline + the sum of the parts, where it is `exact`.

    A part belongs to an item of the history and to a source: "behaviour", a modality, or "history"
    where a model can't separate them.
    """

    item: int
    score: float
    parts: Mapping[tuple[int, str], float]
    baseline: float  # the score without the history
    exact: bool  # whether the parts are the model's own arithmetic

    @property
    def remainder(self) -> float:
        """Return what baseline and parts leave unexplained: rounding, where it is `exact`."""
        return self.score - self.baseline - sum(self.parts.values())

    def by_item(self) -> list[tuple[int, dict[str, float]]]:
        """Return each item of the history with its parts by source, the largest sum first.

        >>> Explanation(7, 3.0, {(1, "text"): 1.0, (2, "text"): 2.0}, 0.0, True).by_item()
        [(2, {'text': 2.0}), (1, {'text': 1.0})]
        """
        items: dict[int, dict[str, float]] = {}
        for (item, source), part in self.parts.items():
            items.setdefault(item, {})[source] = part
        return sorted(items.items(), key=lambda entry: -sum(entry[1].values()))

    def by_source(self) -> dict[str, float]:
        """Return the sum of each source's parts."""
        sources: dict[str, float] = {}
        for (_, source), part in self.parts.items():
            sources[source] = sources.get(source, 0.0) + part
        return sources
