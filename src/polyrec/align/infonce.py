"""Train projection heads to tell an item's own other view from those of other items."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from polyrec.align.projection_heads import ProjectionHeads
from polyrec.training.item_objectives import info_nce


@dataclass
class InfoNCE(ProjectionHeads):
    """-log exp(a_i'b_i / t) / sum_j exp(a_i'b_j / t), both ways, over a batch's pairs of views.

    Symmetric InfoNCE with in-batch negatives (CLIP, Radford et al., ICML 2021); t is learned and
    stays in .02..0.5.

    >>> InfoNCE(width=8).space
    'infonce'
    """

    temperature: float = 0.1  # at the start

    space: ClassVar[str] = "infonce"

    def loss(self, module: Any) -> Callable[[Any, Any], Any]:
        """Return the loss of two views."""
        module.log_temperature = nn.Parameter(torch.tensor(math.log(self.temperature)))

        def told(one: Any, two: Any) -> Any:
            return info_nce(one, two, module.log_temperature.exp().clamp(0.02, 0.5))

        return told
