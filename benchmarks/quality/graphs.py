"""What do the graph models reach, with three seeds?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.graphs [DATA] [MODEL] [SEED]

Protocol `compat`. Settings were chosen on valid of Last.fm and are the same elsewhere, except for
the batch. Cells in results/graphs.json are not fitted again; name a cell to fit it alone. An
interrupted fit resumes from its last checkpoint, its seconds being those of all attempts.
`valid_as_strangers` ranks for the same users as anonymous ones, by their histories alone.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import load_public_dataset
from benchmarks.library.results import RESULTS, read_figures, save_results
from polyrec.contracts import Recommender, part
from polyrec.data.load import Dataset
from polyrec.encode.features import Features
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.recommend.base import BaseRecommender
from polyrec.recommend.graph.freedom import Freedom
from polyrec.recommend.graph.lightgcn import LightGCN
from polyrec.recommend.graph.mgcn import MGCN
from polyrec.training.run_context import RunContext, use_run
from polyrec.types import Floats, Query, Views

METRICS = ["recall@20", "ndcg@20"]
SEEDS = (7, 8, 9)
CELLS = {
    ("lastfm2k_mm", "lightgcn"): LightGCN(),
    ("lastfm2k_mm", "lightgcn_bpr"): LightGCN(loss="bpr", epochs=100, batch=256, weight_decay=0.3),
    ("lastfm2k_mm", "freedom"): Freedom(weights={"text": 1.0}),
    ("lastfm2k_mm", "mgcn"): MGCN(),
    ("amazon_baby", "lightgcn"): LightGCN(batch=1024),
    ("tiktok", "lightgcn"): LightGCN(batch=1024),
    ("tiktok", "mgcn"): MGCN(batch=1024),
}


def main() -> None:
    selected = sys.argv[1:]
    for data, name in CELLS:
        for seed in SEEDS:
            cell = [data, name, str(seed)]
            if selected != cell[: len(selected)]:
                continue
            rows = read_figures(RESULTS / "graphs.json") or []
            if not any([row["data"], row["model"], str(row["seed"])] == cell for row in rows):
                save_results("graphs", [*rows, measure(data, name, seed)])


def measure(data: str, name: str, seed: int) -> dict[str, Any]:
    """Return what one cell reaches and costs."""
    dataset = load_public_dataset(data)
    train, valid, test = dataset.train, dataset.valid, dataset.test
    views = {
        view: Features().fit(rows, train).encode(rows)
        for view, rows in dataset.catalog.contents.items()
    }
    model = replace(CELLS[data, name], seed=seed)
    folder = Path(tempfile.gettempdir()) / f"graphs-{data}-{name}-{seed}"
    seconds = fit_resumable(model, dataset, views, folder)
    evaluations = {
        "valid": evaluate_top_k(model, train, valid, METRICS),
        "test": evaluate_top_k(model, train, test, METRICS),
        "valid_as_strangers": evaluate_top_k(Anonymous(model), train, valid, METRICS),
    }
    settings = {k: v for k, v in vars(model).items() if not k.endswith("_")}
    means = {k: [round(e.means[m], 4) for m in METRICS] for k, e in evaluations.items()}
    epochs = len(model.curve_)
    return {"data": data, "model": name, "seed": seed, **means, "epochs": epochs,
            "fit_processor_seconds": round(seconds, 1), "settings": settings}  # fmt: skip


@part
class Anonymous(BaseRecommender):
    """A fitted model that takes every user for an anonymous one."""

    model: Recommender

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores for the histories."""
        return self.model.score(replace(query, users=np.full(len(query), -1)))


def fit_resumable(model: LightGCN, dataset: Dataset, views: Views, folder: Path) -> float:
    """Fit, from a checkpoint if there is one, and return the processor seconds."""
    folder.mkdir(exist_ok=True)
    seconds_file = folder / "seconds"
    earlier = float(seconds_file.read_text()) if seconds_file.is_file() else 0.0
    start = time.process_time()

    def save_seconds(epoch: int, value: float) -> None:  # noqa: ARG001
        seconds_file.write_text(str(earlier + time.process_time() - start))

    steps = -(-dataset.train.shape[0] // model.batch)
    run = RunContext(
        folder=folder, checkpoint_steps=steps, fingerprint=repr(model), on_valid=save_seconds
    )
    with use_run(run):
        model.fit(dataset.train, views, valid=dataset.valid)
    return earlier + time.process_time() - start


if __name__ == "__main__":
    main()
