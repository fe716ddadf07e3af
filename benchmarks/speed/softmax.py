"""What does the cross-entropy over a catalogue cost beside its products, and beside torch's own?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.softmax

Value and gradients of one step, processor milliseconds, in turns, best of five. The products are
the three that no way can do without; torch's own way writes the table of rows times items.
"""

import os
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.training.softmax import cross_entropy

CASES = (  # rows, items, columns, events of a row, with bias
    (256, 1425, 64, 24, False),
    (1024, 7050, 64, 6, False),
    (512, 18357, 64, 6, False),
    (256, 7050, 200, 6, True),
)
ROUNDS = 5


def ways(
    rows: int, items: int, columns: int, events: int, *, bias: bool
) -> dict[str, Callable[[], object]]:
    """Return the step in three ways."""
    torch.manual_seed(0)
    starts = np.append(0, np.cumsum(np.random.default_rng(0).poisson(events, rows)))
    owners = torch.from_numpy(np.repeat(np.arange(rows), np.diff(starts)))
    taken = torch.randint(0, items, owners.shape)
    weights = torch.rand(owners.shape)
    users, table = (torch.randn(n, columns, requires_grad=True) for n in (rows, items))
    extra = torch.randn(items, requires_grad=True) if bias else None

    def products() -> None:
        with torch.no_grad():
            logits = users @ table.T
            logits @ table
            logits.T @ users

    def plain() -> None:
        logits = users @ table.T if extra is None else users @ table.T + extra
        (-(weights * F.log_softmax(logits, dim=1)[owners, taken]).sum()).backward()

    def ours() -> None:
        cross_entropy(users, table, starts, taken, weights, extra).backward()

    return {"products": products, "torch": plain, "ours": ours}


def main() -> None:
    figures = []
    for *shape, bias in CASES:
        found = ways(*shape, bias=bias)
        spent = dict(zip(found, best_of(ROUNDS, *found.values()), strict=True))
        figures.append({
            **dict(zip(("rows", "items", "columns", "events"), shape, strict=True)), "bias": bias,
            "milliseconds": {name: round(1000 * seconds, 1) for name, seconds in spent.items()},
            "ours_over_products": round(spent["ours"] / spent["products"], 2),
            "torch_over_ours": round(spent["torch"] / spent["ours"], 2),
        })  # fmt: skip
    save_results("softmax", figures)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    main()
