"""Train projection heads to bring pairs together and to spread the items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from polyrec.align.projection_heads import ProjectionHeads


@dataclass
class AlignUniform(ProjectionHeads):
    """mean |a_i - b_i|^2 + spread (log mean exp(-2 |a_i - a_j|^2) + the same of b) / 2.

    Alignment and uniformity (Wang & Isola, ICML 2020; DirectAU, Wang et al., KDD 2022).

    >>> AlignUniform(width=8).space
    'uniform'
    """

    spread: float = 1.0

    space: ClassVar[str] = "uniform"

    def loss(self, module: Any) -> Callable[[Any, Any], Any]:  # noqa: ARG002 - nothing to add
        """Return the loss of two views."""

        def told(one: Any, two: Any) -> Any:
            near = (one - two).square().sum(dim=1).mean()
            return near + self.spread * (_uniformity(one) + _uniformity(two)) / 2

        return told


def _uniformity(rows: Any) -> Any:
    return torch.pdist(rows).square().mul(-2).exp().mean().log()
