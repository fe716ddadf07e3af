"""Cross-entropy over a whole catalogue, in memory that does not grow with users times items.

torch's own function writes the logits of all rows, then reads and writes them again at each step of
the loss and of its gradient. Here a few rows at a time go through all steps, so that their logits
stay in the processor's cache, and the gradients are summed as they come: faster where a table is
narrow (`benchmarks.speed.softmax`; decision 35).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_CPU_LOGITS = 2**20  # held at once
_GPU_LOGITS = 2**24


def cross_entropy(
    rows: Any, table: Any, starts: Iterable[int], columns: Any, weights: Any, bias: Any = None
) -> Any:
    """Return the scalar - sum_e w_e log softmax(x_r T' + b)_c over events e = (r, c, w).

    Differentiable in rows x (b, d), a table T (n, d) and biases b (n,) or None. The events of row r
    are `columns[starts[r]:starts[r + 1]]`, int64, and `weights` alike. Computed in float32 under
    autocast, too.
    """
    with torch.autocast(rows.device.type, enabled=False):
        inputs = (x if x is None else x.float() for x in (rows, table, bias))
        return _CrossEntropy.apply(*inputs, [int(start) for start in starts], columns, weights)


class _CrossEntropy(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(  # noqa: PLR0913
        ctx: Any, rows: Any, table: Any, bias: Any, starts: list[int], columns: Any, weights: Any
    ) -> Any:
        held = _CPU_LOGITS if rows.device.type == "cpu" else _GPU_LOGITS
        step = max(1, held // len(table))
        buffer = rows.new_empty(min(step, len(rows)), len(table))
        rows_grad, table_grad = torch.zeros_like(rows), torch.zeros_like(table)
        bias_grad = None if bias is None else torch.zeros_like(bias)
        total = torch.zeros((), dtype=torch.float64, device=rows.device)
        for first in range(0, len(rows), step):
            block = rows[first : first + step]
            bounds = starts[first : first + step + 1]
            logits = torch.mm(block, table.T, out=buffer[: len(block)])
            if bias is not None:
                logits += bias
            events = slice(bounds[0], bounds[-1])
            total += _loss_and_gradient(logits, bounds, columns[events], weights[events])
            if any(ctx.needs_input_grad):
                torch.mm(logits, table, out=rows_grad[first : first + step])
                table_grad.addmm_(logits.T, block)
                if bias_grad is not None:
                    bias_grad += logits.sum(dim=0)
        ctx.save_for_backward(rows_grad, table_grad, bias_grad)
        return total.float()

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:
        # in place: torch refuses a second backward
        gradients = (None if x is None else x.mul_(gradient) for x in ctx.saved_tensors)
        return (*gradients, None, None, None)


def _loss_and_gradient(logits: Any, bounds: list[int], columns: Any, weights: Any) -> Any:
    """Return the loss of logits (b, n), and overwrite them with its gradient."""
    counts = torch.tensor(bounds, device=logits.device).diff()
    owners = torch.repeat_interleave(counts)
    positions = owners * logits.shape[1] + columns
    flat = logits.view(-1)
    targets = flat.index_select(0, positions).double() @ weights.double()
    peak = logits.amax(dim=1)
    sums = logits.sub_(peak[:, None]).exp_().sum(dim=1)
    row_weights = weights.new_zeros(len(logits)).index_add_(0, owners, weights)
    normalizers = row_weights.double() @ (sums.log() + peak).double()
    logits.mul_((row_weights / sums)[:, None])
    flat.index_add_(0, positions, -weights)
    return normalizers - targets
