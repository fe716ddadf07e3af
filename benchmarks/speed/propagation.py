"""How much faster is an epoch of LightGCN than with torch's sparse product over coordinates?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.propagation

The plain version is the usual one: the square adjacency of users and items as a COO tensor, a
torch.sparse.mm per layer with torch's own gradient, the rows of BPR picked by index. Batches, loss,
optimizer and initial weights are the same, and so are the gradients: their greatest difference at
the first step is measured, relative to the greatest entry. Epochs by turns, best of three,
processor seconds; and one product, forward and backward, in three formats.
"""

import os
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional as F  # noqa: N812

from benchmarks.library.data_sets import load_public_dataset
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.recommend.graph.base import _Training
from polyrec.recommend.graph.lightgcn import LightGCN
from polyrec.recommend.graph.losses import Graph, TrainingStep, rows_of
from polyrec.training.optimizer import AdamW
from polyrec.training.propagation import Propagation, normalize_symmetric
from polyrec.types import Interactions

RUNS = (  # data, users per step
    ("lastfm2k_mm", 256),
    ("amazon_baby", 1024),
)


def main() -> None:
    warnings.filterwarnings("ignore", "Sparse (CSR|invariant)")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    save_results(
        "propagation", [compare(*run, loss) for run in RUNS for loss in ("bpr", "softmax")]
    )


def compare(name: str, batch: int, loss: str) -> dict[str, Any]:
    """Return the seconds of an epoch in each version, and of a product in each format."""
    train = load_public_dataset(name).train
    model = LightGCN(loss=loss, batch=batch, hide=0)
    fast = make_training(_Training, model, train)
    plain = make_training(PlainTraining, model, train).prepare()
    gap = gradient_difference(fast, plain)
    seconds = best_of(3, epoch_of(fast, model), epoch_of(plain, model))
    return {
        "data": name, "events": len(train), "loss": loss, "dim": model.dim, "layers": model.layers,
        "epoch_seconds": round(seconds[0], 3), "plain_seconds": round(seconds[1], 3),
        "ratio": round(seconds[1] / seconds[0], 2), "goal": 3.0, "gradients_differ_by": gap,
        "product_milliseconds": products(normalize_symmetric(train.positives()), model.dim),
    }  # fmt: skip


class PlainTraining(_Training):
    """The same steps and loss over the square adjacency."""

    def prepare(self) -> Self:
        """Build the square adjacency."""
        matrix = self._graph.matrix
        self.square = coordinates(
            sparse.csr_array(sparse.block_array([[None, matrix], [matrix.T, None]]))
        )
        return self

    def loss(self, step: TrainingStep) -> torch.Tensor:
        """Return the loss of a step, over all rows of users and items."""
        network, count = self._network, self._matrix.shape[0]
        layers = [torch.cat([network.users, network.items])]
        for _ in range(self._model.layers):
            layers.append(torch.sparse.mm(self.square, layers[-1]))
        mean = torch.stack(layers).mean(dim=0)
        users, items = mean[:count], mean[count:]
        if step.negatives is None:
            return self._main_loss(users[torch.from_numpy(step.users)], step, items)
        event_users = users[torch.from_numpy(step.users[rows_of(step.targets)])]
        positives = items[torch.from_numpy(step.targets.indices.astype(np.int64))]
        negatives = items[torch.from_numpy(step.negatives)]
        margins = (event_users * negatives).sum(dim=1) - (event_users * positives).sum(dim=1)
        return F.softplus(margins).mean()


def make_training(kind: type[_Training], model: LightGCN, train: Interactions) -> Any:
    matrix = train.positives()
    torch.manual_seed(model.seed)
    network = model._network(matrix.shape)
    known = np.flatnonzero(matrix.sum(axis=0) > 0)
    return kind(model, network, Graph.of(matrix, "cpu"), matrix, known)


def epoch_of(training: _Training, model: LightGCN) -> Callable[[], None]:
    """Return a function that trains for one epoch."""
    parameters = list(training._network.parameters())
    optimizer = AdamW(parameters, model.rate, model.weight_decay)
    generator = np.random.default_rng(model.seed)

    def epoch() -> None:
        for step in training.steps(generator):
            optimizer.zero_grad()
            training.loss(step).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


def products(matrix: sparse.csr_array, dim: int) -> dict[str, float]:
    """Return the milliseconds of a product with the graph and its gradient, in each format."""
    rows = torch.randn(matrix.shape[1], dim, requires_grad=True)
    gradient = torch.randn(matrix.shape[0], dim)
    bags, plain = Propagation.of(matrix), coordinates(matrix)
    forward, backward = (
        coordinates(m).to_sparse_csr() for m in (matrix, sparse.csr_array(matrix.T))
    )

    def compressed_rows() -> None:
        with torch.no_grad():
            forward @ rows
            backward @ gradient

    seconds = best_of(10, lambda: bags(rows).backward(gradient), compressed_rows,
                      lambda: torch.sparse.mm(plain, rows).backward(gradient))  # fmt: skip
    names = ("bags", "compressed_rows", "coordinates")
    return {name: round(1000 * s, 2) for name, s in zip(names, seconds, strict=True)}


def coordinates(matrix: sparse.csr_array) -> torch.Tensor:
    """Return the matrix as a COO tensor."""
    coo = matrix.tocoo()
    indices = torch.from_numpy(np.stack(coo.coords).astype(np.int64))
    values = torch.from_numpy(coo.data)
    return torch.sparse_coo_tensor(indices, values, coo.shape, check_invariants=False).coalesce()


def gradient_difference(fast: _Training, plain: _Training) -> float:
    """Return the greatest difference of the first step's gradients, relative to the greatest."""
    gradients = []
    for training in (fast, plain):
        training.loss(next(training.steps(np.random.default_rng(0)))).backward()
        parameters = training._network.parameters()
        gradients.append(torch.cat([parameter.grad for parameter in parameters]))
    return float((gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max())


if __name__ == "__main__":
    main()
