"""How fast do trained models learn, beside what others do for the same?

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/speed_models.py [als | lightgcn]

`als`: a fit of ours and of implicit's ALS (its default, conjugate gradients, and its exact solver)
at equal width and number of rounds. `lightgcn`: an epoch of ours with the loss bpr, and one of the
plain version: the square graph as one COO matrix, torch.sparse.mm and its autograd, the same
batches, layers and optimizer. All on one thread, in turns, the least seconds of processor time.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.config import read
from polyrec.data.load import load
from polyrec.engine.propagation import symmetric
from polyrec.evaluate.protocols import compat
from polyrec.recommend.als import ALS
from polyrec.recommend.lightgcn import LightGCN
from polyrec.types import Dataset, Interactions
from record import RESULTS, keep

SETS = ("lastfm2k_mm", "amazon_baby")
LAYERS, DIM, BATCH = 2, 64, 256


def least(rounds: int, pieces: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least seconds of processor time of each piece, taken in turns."""
    found = dict.fromkeys(pieces, float("inf"))
    for _ in range(rounds):
        for name, piece in pieces.items():
            start = time.process_time()
            piece()
            found[name] = min(found[name], time.process_time() - start)
    return found


def als(data: Dataset, *, dim: int, rounds: int) -> dict[str, Any]:
    """Time the fits, and tell what they reach on valid: a fast fit that learns nothing is none."""
    train = data.train
    matrix = sparse.csr_matrix(train.positives())
    fitted: dict[str, Any] = {}

    def ours() -> None:
        fitted["ours"] = ALS(dim=dim, rounds=rounds, content=0).fit(train, {})

    def theirs(*, exact: bool) -> None:
        model = AlternatingLeastSquares(
            factors=dim, iterations=rounds, use_cg=not exact, num_threads=1, random_state=7
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(matrix, show_progress=False)

    pieces: dict[str, Callable[[], object]] = {
        "ours": ours,
        "implicit": lambda: theirs(exact=False),
        "implicit_exact": lambda: theirs(exact=True),
    }
    seconds = least(3, pieces)
    reached = compat(fitted["ours"], train, data.valid, ["recall@20"]).means["recall@20"]
    return {
        "dim": dim, "rounds": rounds, **{k: round(v, 2) for k, v in seconds.items()},
        "ratio": round(seconds["ours"] / seconds["implicit"], 2),
        "ratio_to_exact": round(seconds["ours"] / seconds["implicit_exact"], 2),
        "goal": 2.0, "valid_recall@20_of_ours": round(reached, 4),
    }  # fmt: skip


def lightgcn(train: Interactions) -> dict[str, Any]:
    """Time an epoch each: two epochs of ours less one, so that what is made once does not count."""
    model = {"dim": DIM, "layers": LAYERS, "loss": "bpr", "batch": BATCH}
    plain = Plain(train)
    pieces: dict[str, Callable[[], object]] = {
        "one": lambda: LightGCN(epochs=1, **model).fit(train, {}),
        "three": lambda: LightGCN(epochs=3, **model).fit(train, {}),
        "plain": plain.epoch,
    }
    seconds = least(3, pieces)
    ours = (seconds["three"] - seconds["one"]) / 2
    return {
        "dim": DIM, "layers": LAYERS, "batch_users": BATCH, "ours": round(ours, 3),
        "plain_coo": round(seconds["plain"], 3), "times_faster": round(seconds["plain"] / ours, 2),
        "goal": 3.0,
    }  # fmt: skip


class Plain:
    """LightGCN as it is usually written: one square COO matrix, autograd through sparse.mm."""

    def __init__(self, train: Interactions) -> None:
        self._users, self._items = train.shape
        self._matrix = train.positives()
        block = symmetric(self._matrix)
        square = sparse.coo_array(sparse.block_array([[None, block], [block.T, None]]))
        self._graph = torch.sparse_coo_tensor(
            np.stack(square.coords), square.data, square.shape, check_invariants=False
        ).coalesce()
        rows = torch.randn(sum(train.shape), DIM, generator=torch.Generator().manual_seed(7))
        self._table = torch.nn.Parameter(0.1 * rows)
        self._optimizer = torch.optim.AdamW([self._table], lr=1e-2)

    def epoch(self) -> None:
        """Go once through all users, with all of their events."""
        order = np.random.default_rng(7)
        users = order.permutation(np.flatnonzero(np.diff(self._matrix.indptr)))
        for start in range(0, len(users), BATCH):
            some = users[start : start + BATCH]
            targets = self._matrix[some]
            who = np.repeat(some, np.diff(targets.indptr))
            taken = self._users + targets.indices
            other = self._users + order.integers(0, self._items, len(taken))
            self._step(*(torch.from_numpy(part.astype(np.int64)) for part in (who, taken, other)))

    def _step(self, users: Any, taken: Any, other: Any) -> None:
        layers = [self._table]
        for _ in range(LAYERS):
            layers.append(torch.sparse.mm(self._graph, layers[-1]))
        rows = torch.stack(layers).mean(dim=0)
        margin = (rows[users] * (rows[taken] - rows[other])).sum(dim=1)
        self._optimizer.zero_grad()
        F.softplus(-margin).mean().backward()
        self._optimizer.step()


def main() -> None:
    asked = sys.argv[1:] or ["als", "lightgcn"]
    torch.set_num_threads(1)
    figures = []
    for name in SETS:
        config = read(Path(__file__).with_name(f"{name}.yaml"))
        data = load(config.data, weights={}, seed=7).dataset
        told = {"data": name, "users": data.train.shape[0], "items": data.train.shape[1]}
        if "als" in asked:
            figures += [
                {"what": "als", **told, **als(data, dim=dim, rounds=5)} for dim in (64, 128)
            ]
        if "lightgcn" in asked:
            figures.append({"what": "lightgcn", **told, **lightgcn(data.train)})
        print(figures[-1])
    keep(RESULTS / "speed_models", figures)


if __name__ == "__main__":
    main()
