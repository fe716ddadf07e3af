"""How much faster is an epoch of LightGCN than its plain version over coordinates?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.propagation

The plain version is the usual one: the square adjacency of users and items as a COO tensor, every
layer a torch.sparse.mm with torch's own gradient, the rows of BPR picked by index. Batches, loss,
optimizer and starting weights are the same, and so are the gradients (their greatest difference at
the first step, as a share of the greatest entry, is told). Epochs in turns, best of three, in
seconds of the processor. Beside it one product, there and back, in three ways.
"""

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional as F  # noqa: N812

from benchmarks.library.data_sets import config_path
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.config import read_config
from polyrec.data.load import load_dataset
from polyrec.recommend.graph.base import _Lesson
from polyrec.recommend.graph.lightgcn import LightGCN
from polyrec.recommend.graph.losses import Graph, rows_of
from polyrec.training.optimizer import AdamW
from polyrec.training.propagation import Propagation, symmetric
from polyrec.types import Interactions

RUNS = (  # data, users of a step
    ("lastfm2k_mm", 256),
    ("amazon_baby", 1024),
)
warnings.filterwarnings("ignore", "Sparse (CSR|invariant)")


def coordinates(matrix: sparse.csr_array) -> torch.Tensor:
    coo = matrix.tocoo()
    places = torch.from_numpy(np.stack(coo.coords).astype(np.int64))
    return torch.sparse_coo_tensor(places, torch.from_numpy(coo.data), coo.shape).coalesce()


class Plain(_Lesson):
    """The same lesson over the square adjacency."""

    def prepare(self) -> "Plain":
        """Lay the square adjacency out."""
        matrix = self._graph.matrix
        self.square = coordinates(
            sparse.csr_array(sparse.block_array([[None, matrix], [matrix.T, None]]))
        )
        return self

    def loss(self, step: Any) -> torch.Tensor:
        """Return the loss of a step, over whole tables of users and items."""
        network, count = self._network, self._matrix.shape[0]
        layers = [torch.cat([network.users, network.items])]
        for _ in range(self._model.layers):
            layers.append(torch.sparse.mm(self.square, layers[-1]))
        mean = torch.stack(layers).mean(dim=0)
        users, items = mean[:count], mean[count:]
        if step.negatives is None:
            return self._over(users[torch.from_numpy(step.users)], step, items)
        who = users[torch.from_numpy(step.users[rows_of(step.targets)])]
        taken = items[torch.from_numpy(step.targets.indices.astype(np.int64))]
        other = items[torch.from_numpy(step.negatives)]
        return F.softplus((who * other).sum(dim=1) - (who * taken).sum(dim=1)).mean()


def lesson_of(kind: type[_Lesson], model: LightGCN, train: Interactions) -> _Lesson:
    matrix = train.positives()
    torch.manual_seed(model.seed)
    network = model._network(matrix.shape)
    known = np.flatnonzero(matrix.sum(axis=0) > 0)
    return kind(model, network, Graph.of(matrix, "cpu"), matrix, known)


def epoch_of(lesson: _Lesson, model: LightGCN) -> Callable[[], None]:
    parameters = list(lesson._network.parameters())
    optimizer = AdamW(parameters, model.rate, model.weight_decay)
    order = np.random.default_rng(model.seed)

    def epoch() -> None:
        for step in lesson.steps(order):
            optimizer.zero_grad()
            lesson.loss(step).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


def products(matrix: sparse.csr_array, dim: int) -> dict[str, float]:
    """Return the milliseconds of a product with the graph and its gradient."""
    rows = torch.randn(matrix.shape[1], dim, requires_grad=True)
    back = torch.randn(matrix.shape[0], dim)
    bags, plain = Propagation.of(matrix), coordinates(matrix)
    compressed = [coordinates(m).to_sparse_csr() for m in (matrix, sparse.csr_array(matrix.T))]

    def compressed_rows() -> None:
        with torch.no_grad():
            compressed[0] @ rows
            compressed[1] @ back

    seconds = best_of(10, lambda: bags(rows).backward(back), compressed_rows,
                      lambda: torch.sparse.mm(plain, rows).backward(back))  # fmt: skip
    names = ("bags", "compressed_rows", "coordinates")
    return {k: round(1000 * s, 2) for k, s in zip(names, seconds, strict=True)}


def difference(fast: _Lesson, plain: _Lesson) -> float:
    """Return how far the gradients of the first step are apart."""
    found = []
    for lesson in (fast, plain):
        lesson.loss(next(lesson.steps(np.random.default_rng(0)))).backward()
        found.append(torch.cat([part.grad for part in lesson._network.parameters()]))
    return float((found[0] - found[1]).abs().max() / found[1].abs().max())


def compare(name: str, batch: int, loss: str) -> dict[str, Any]:
    config = read_config(config_path(name))
    train = load_dataset(config.data, weights={}, seed=7).dataset.train
    model = LightGCN(loss=loss, batch=batch, hide=0)
    fast = lesson_of(_Lesson, model, train)
    plain = lesson_of(Plain, model, train).prepare()
    gap = difference(fast, plain)
    seconds = best_of(3, epoch_of(fast, model), epoch_of(plain, model))
    return {
        "data": name, "events": len(train), "loss": loss, "dim": model.dim, "layers": model.layers,
        "epoch_seconds": round(seconds[0], 3), "plain_seconds": round(seconds[1], 3),
        "ratio": round(seconds[1] / seconds[0], 2), "goal": 3.0, "gradients_differ_by": gap,
        "product_milliseconds": products(symmetric(train.positives()), model.dim),
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    save_results(
        "propagation", [compare(*run, loss) for run in RUNS for loss in ("bpr", "softmax")]
    )
