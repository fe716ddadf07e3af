"""AdamW by torch's function instead of its class, which loads torch's compiler (decision 37)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.adamw import adamw

_MOMENTS = ("exp_avg", "exp_avg_sq")


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019), betas .9 and .999.

    Equals `torch.optim.AdamW(parameters, rate, weight_decay=weight_decay, fused=True)`, bit for
    bit. `torch.amp.GradScaler` reads `param_groups`.
    """

    def __init__(self, parameters: Iterable[Any], rate: float, weight_decay: float) -> None:
        self.rate = rate
        self.param_groups = [{"params": list(parameters)}]
        self._weight_decay = weight_decay
        self._states: dict[int, dict[str, Any]] = {}  # by index; made at a first gradient

    @property
    def _parameters(self) -> list[Any]:
        return self.param_groups[0]["params"]

    def zero_grad(self) -> None:
        """Clear all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Update the parameters that have gradients."""
        updated = [(i, p) for i, p in enumerate(self._parameters) if p.grad is not None]
        for index, parameter in updated:
            if index not in self._states:
                moments = {name: torch.zeros_like(parameter) for name in _MOMENTS}
                self._states[index] = {"step": torch.zeros((), device=parameter.device), **moments}
        states = [self._states[index] for index, _ in updated]
        adamw(
            [parameter for _, parameter in updated],
            [parameter.grad for _, parameter in updated],
            *([state[name] for state in states] for name in _MOMENTS),
            [],
            [state["step"] for state in states],
            fused=True, amsgrad=False, maximize=False,
            beta1=0.9, beta2=0.999, eps=1e-8, lr=self.rate, weight_decay=self._weight_decay,
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """Return the whole state as named tensors."""
        return {
            f"{index}.{name}": tensor
            for index, state in self._states.items()
            for name, tensor in state.items()
        }

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Load what `dump` returned, over the same parameters."""
        self._states = {}
        for name, tensor in tensors.items():
            index, _, key = name.partition(".")
            device = self._parameters[int(index)].device
            self._states.setdefault(int(index), {})[key] = tensor.to(device)
