"""Cross-entropy over a whole catalogue, without ever holding users times items.

torch's own way writes the logits of all rows, then reads and writes them again at each step of the
loss and of its gradient. Here a few rows at a time go through all steps, so that their logits stay
in the processor's cache, and the gradients are summed on the way: faster where a table is narrow
(`benchmarks.speed.softmax`), and no more memory however many items there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_AT_ONCE = {"cpu": 2**20}  # logits
_AT_ONCE_ELSEWHERE = 2**24


def cross_entropy(
    rows: Any, table: Any, starts: Iterable[int], columns: Any, weights: Any, bias: Any = None
) -> Any:
    """Return the scalar - sum_e w_e log softmax(x_r T' + b)_c over events e = (r, c, w).

    For rows x (b, d), a table T (n, d) and biases b (n,) or None, all of which it has gradients to.
    The events of row r are `columns[starts[r]:starts[r + 1]]`, int64, and `weights` alike. It is
    computed in float32 under autocast, too.
    """
    with torch.autocast(rows.device.type, enabled=False):
        parts = (part if part is None else part.float() for part in (rows, table, bias))
        return _CrossEntropy.apply(*parts, [int(start) for start in starts], columns, weights)


class _CrossEntropy(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(  # noqa: PLR0913
        ctx: Any, rows: Any, table: Any, bias: Any, starts: list[int], columns: Any, weights: Any
    ) -> Any:
        most = max(1, _AT_ONCE.get(rows.device.type, _AT_ONCE_ELSEWHERE) // len(table))
        space = rows.new_empty(min(most, len(rows)), len(table))
        of_rows, of_table = torch.zeros_like(rows), torch.zeros_like(table)
        of_bias = None if bias is None else torch.zeros_like(bias)
        total = torch.zeros((), dtype=torch.float64, device=rows.device)
        for first in range(0, len(rows), most):
            some = rows[first : first + most]
            bounds = starts[first : first + most + 1]
            logits = torch.mm(some, table.T, out=space[: len(some)])
            if bias is not None:
                logits += bias
            mine = slice(bounds[0], bounds[-1])
            total += _descend(logits, bounds, columns[mine], weights[mine])
            if any(ctx.needs_input_grad):
                torch.mm(logits, table, out=of_rows[first : first + most])
                of_table.addmm_(logits.T, some)
                if of_bias is not None:
                    of_bias += logits.sum(dim=0)
        ctx.save_for_backward(of_rows, of_table, of_bias)
        return total.float()

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:
        # in place: a second time backward is refused by torch
        parts = (None if part is None else part.mul_(gradient) for part in ctx.saved_tensors)
        return (*parts, None, None, None)


def _descend(logits: Any, bounds: list[int], columns: Any, weights: Any) -> Any:
    """Return the loss of logits (b, n), and put its gradient in their place."""
    counts = torch.tensor(bounds, device=logits.device).diff()
    owners = torch.repeat_interleave(counts)
    places = owners * logits.shape[1] + columns
    flat = logits.view(-1)
    told = flat.index_select(0, places).double() @ weights.double()
    peak = logits.amax(dim=1)
    sums = logits.sub_(peak[:, None]).exp_().sum(dim=1)
    worth = weights.new_zeros(len(logits)).index_add_(0, owners, weights)
    spent = worth.double() @ (sums.log() + peak).double()
    logits.mul_((worth / sums)[:, None])
    flat.index_add_(0, places, -weights)
    return spent - told
