"""Train projection heads by symmetric InfoNCE, initialised with CCA."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn

from polyrec.align.projection_heads import ProjectionHeads
from polyrec.contracts import part
from polyrec.training.item_objectives import info_nce


@part
class InfoNCE(ProjectionHeads):
    """-log exp(a_i'b_i / t) / sum_j exp(a_i'b_j / t), both ways, over a batch's pairs of views.

    Symmetric InfoNCE with in-batch negatives (CLIP, Radford et al., ICML 2021); t is learned and
    stays in .02..0.5.

    >>> InfoNCE(width=8).space
    'infonce'
    """

    temperature: float = 0.1  # at the start

    space: ClassVar[str] = "infonce"

    def loss(self, module: nn.Module) -> Callable[[Any, Any], Any]:
        """Return the loss of two views; the log temperature is a parameter of the module."""
        module.log_temperature = nn.Parameter(torch.tensor(math.log(self.temperature)))

        def symmetric_info_nce(a: Any, b: Any) -> Any:
            return info_nce(a, b, module.log_temperature.exp().clamp(0.02, 0.5))

        return symmetric_info_nce
