"""Train projection heads for alignment and uniformity, initialised with CCA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn

from polyrec.align.projection_heads import ProjectionHeads
from polyrec.contracts import part


@part
class AlignUniform(ProjectionHeads):
    """mean |a_i - b_i|^2 + spread (log mean exp(-2 |a_i - a_j|^2) + the same of b) / 2.

    Alignment and uniformity (Wang & Isola, ICML 2020; DirectAU, Wang et al., KDD 2022).

    >>> AlignUniform(width=8).space
    'uniform'
    """

    spread: float = 1.0

    space: ClassVar[str] = "uniform"

    def loss(self, module: nn.Module) -> Callable[[Any, Any], Any]:  # noqa: ARG002 - no parameters
        """Return the loss of two views."""

        def alignment_and_uniformity(a: Any, b: Any) -> Any:
            alignment = (a - b).square().sum(dim=1).mean()
            return alignment + self.spread * (_uniformity(a) + _uniformity(b)) / 2

        return alignment_and_uniformity


def _uniformity(rows: Any) -> Any:
    return torch.pdist(rows).square().mul(-2).exp().mean().log()
