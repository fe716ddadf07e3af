"""What does cross-entropy over a catalogue cost, compared with its matrix products and with torch?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.softmax

Loss and gradients of one step, processor milliseconds, by turns, best of five. "products" are the
three matrix products that any implementation needs; "torch" writes the matrix of rows times items.
"""

import os
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.training.softmax import cross_entropy

CASES = (  # rows, items, columns, events per row, with bias
    (256, 1425, 64, 24, False),
    (1024, 7050, 64, 6, False),
    (512, 18357, 64, 6, False),
    (256, 7050, 200, 6, True),
)
ROUNDS = 5


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    figures = []
    for *shape, bias in CASES:
        steps = implementations(*shape, bias=bias)
        seconds = dict(zip(steps, best_of(ROUNDS, *steps.values()), strict=True))
        figures.append({
            **dict(zip(("rows", "items", "columns", "events"), shape, strict=True)), "bias": bias,
            "milliseconds": {name: round(1000 * value, 1) for name, value in seconds.items()},
            "ours_over_products": round(seconds["ours"] / seconds["products"], 2),
            "torch_over_ours": round(seconds["torch"] / seconds["ours"], 2),
        })  # fmt: skip
    save_results("softmax", figures)


def implementations(
    rows: int, items: int, columns: int, events: int, *, bias: bool
) -> dict[str, Callable[[], None]]:
    """Return the same step in each implementation."""
    torch.manual_seed(0)
    starts = np.append(0, np.cumsum(np.random.default_rng(0).poisson(events, rows)))
    row_of_event = torch.from_numpy(np.repeat(np.arange(rows), np.diff(starts)))
    item_of_event = torch.randint(0, items, row_of_event.shape)
    weights = torch.rand(row_of_event.shape)
    users, table = (torch.randn(n, columns, requires_grad=True) for n in (rows, items))
    biases = torch.randn(items, requires_grad=True) if bias else None

    def products() -> None:
        with torch.no_grad():
            logits = users @ table.T
            logits @ table
            logits.T @ users

    def plain_torch() -> None:
        logits = users @ table.T if biases is None else users @ table.T + biases
        losses = weights * F.log_softmax(logits, dim=1)[row_of_event, item_of_event]
        (-losses.sum()).backward()

    def ours() -> None:
        cross_entropy(users, table, starts, item_of_event, weights, biases).backward()

    return {"products": products, "torch": plain_torch, "ours": ours}


if __name__ == "__main__":
    main()
