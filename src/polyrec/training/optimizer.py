"""AdamW, by torch's function and not by its class.

The class loads torch's compiler at its first step, for which nothing here has a use: seconds of a
processor in each process that learns anything. The function takes the same fused step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.adamw import adamw

_MOMENTS = ("exp_avg", "exp_avg_sq")


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019), betas .9 and .999.

    Equals `torch.optim.AdamW(parameters, rate, weight_decay=weight_decay, fused=True)`, bit for
    bit. `param_groups` are what `torch.amp.GradScaler` asks for.
    """

    def __init__(self, parameters: Iterable[Any], rate: float, weight_decay: float) -> None:
        self.rate = rate
        self.param_groups = [{"params": list(parameters)}]
        self._weight_decay = weight_decay
        self._states: dict[int, dict[str, Any]] = {}  # by place; made at a first gradient

    @property
    def _parameters(self) -> list[Any]:
        return self.param_groups[0]["params"]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Move the parameters that have gradients."""
        moved = [(i, p) for i, p in enumerate(self._parameters) if p.grad is not None]
        for place, parameter in moved:
            if place not in self._states:
                moments = {name: torch.zeros_like(parameter) for name in _MOMENTS}
                self._states[place] = {"step": torch.zeros((), device=parameter.device), **moments}
        states = [self._states[place] for place, _ in moved]
        adamw(
            [parameter for _, parameter in moved],
            [parameter.grad for _, parameter in moved],
            *([state[name] for state in states] for name in _MOMENTS),
            [],
            [state["step"] for state in states],
            fused=True, amsgrad=False, maximize=False,
            beta1=0.9, beta2=0.999, eps=1e-8, lr=self.rate, weight_decay=self._weight_decay,
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """Return its whole state as named tensors."""
        return {
            f"{place}.{name}": tensor
            for place, state in self._states.items()
            for name, tensor in state.items()
        }

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, over the same parameters."""
        self._states = {}
        for name, tensor in tensors.items():
            place, _, key = name.partition(".")
            device = self._parameters[int(place)].device
            self._states.setdefault(int(place), {})[key] = tensor.to(device)
