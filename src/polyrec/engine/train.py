"""Train a torch module: seeded, early-stopped, gradients clipped, the best weights kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from polyrec.errors import FitError

Report = Callable[..., None]
"""Called with the epochs done, the epochs in all, and what to say beside."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    >>> Schedule(epochs=3).patience
    5
    """

    epochs: int
    rate: float = 1e-3  # of AdamW; falls to 0 over the epochs as a half cosine
    weight_decay: float = 1e-2
    patience: int = 5  # epochs without a better valid loss before it stops
    clip: float = 1.0  # greatest norm of the gradients


def train(  # noqa: PLR0913 - what every training is made of
    module: Any,
    batches: Callable[[np.random.Generator], Iterable[Any]],
    loss: Callable[[Any], Any],
    *,
    valid: Callable[[], float] | None,
    schedule: Schedule,
    seed: int,
    report: Report,
) -> list[float]:
    """Train in place and return the valid losses, one per epoch.

    `batches(generator)` gives an epoch's batches, `loss(batch)` a scalar tensor. With `valid`, the
    weights of its best epoch are kept. The run of the epochs depends on nothing but the seed.
    """
    generator = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, schedule.epochs)
    losses: list[float] = []
    best: dict[str, Any] | None = None
    for epoch in range(schedule.epochs):
        module.train()
        for batch in batches(generator):
            optimizer.zero_grad(set_to_none=True)
            value = loss(batch)
            value.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), schedule.clip)
            optimizer.step()
        scheduler.step()
        module.eval()
        if valid is None:
            report(epoch + 1, schedule.epochs)
            continue
        losses.append(_measured(valid))
        report(epoch + 1, schedule.epochs, f"valid loss {losses[-1]:.4f}")
        place = int(np.argmin(losses))
        if place == epoch:
            best = copy.deepcopy(module.state_dict())
        if epoch - place >= schedule.patience:
            break
    report(schedule.epochs, schedule.epochs)
    if best is not None:
        module.load_state_dict(best)
    module.eval()
    return losses


def _measured(valid: Callable[[], float]) -> float:
    with torch.no_grad():
        value = valid()
    if not np.isfinite(value):
        remedy = "lower the learning rate, or look for broken rows in the data"
        raise FitError("training went astray: the loss is no number", received=value, remedy=remedy)
    return value
