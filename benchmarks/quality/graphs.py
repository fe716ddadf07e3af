"""What do the graph recommenders reach, three seeds, compat protocol, settings chosen on valid?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.graphs [DATA] [MODEL] [SEED]

Settings were chosen on valid of Last.fm and are the same elsewhere, but for the batch. Cells that
results/graphs.json holds are not made again; name a cell to make it alone. One that was killed goes
on from its last checkpoint, its seconds being those of all its trials. `valid_as_strangers` asks
for the same users by their histories alone.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import RESULTS, read_figures, save_results
from polyrec.config import read_config
from polyrec.data.load import load_dataset
from polyrec.encode.features import Features
from polyrec.evaluate.protocols import compat
from polyrec.recommend.graph.freedom import Freedom
from polyrec.recommend.graph.lightgcn import LightGCN
from polyrec.recommend.graph.mgcn import MGCN
from polyrec.training.run_context import Run, accompany
from polyrec.types import Dataset, Query, Ranking, Views

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


class Strangers:
    """Asks a model by histories alone."""

    def __init__(self, model: LightGCN) -> None:
        self._model = model

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return what the model says to the same histories of nobody known."""
        nobody = replace(query, users=np.full(len(query), -1))
        return self._model.recommend(nobody, k, hide_seen=hide_seen)


def fit(model: LightGCN, dataset: Dataset, views: Views, folder: Path) -> float:
    """Fit, going on from a checkpoint if there is one, and return the processor's seconds."""
    folder.mkdir(exist_ok=True)
    spent, before = folder / "seconds", 0.0
    if spent.is_file():
        before = float(spent.read_text())
    start = time.process_time()

    def watched(epoch: int, value: float) -> None:  # noqa: ARG001
        spent.write_text(str(before + time.process_time() - start))

    steps = -(-dataset.train.shape[0] // model.batch)
    with accompany(Run(folder=folder, every=steps, fingerprint=repr(model), watched=watched)):
        model.fit(dataset.train, views, valid=dataset.valid)
    return before + time.process_time() - start


def measure(data: str, name: str, seed: int) -> dict[str, Any]:
    config = read_config(config_path(data))
    dataset = load_dataset(config.data, weights={}, seed=7).dataset
    train, valid, test = dataset.train, dataset.valid, dataset.test
    views = {}
    for view, rows in dataset.catalog.contents.items():
        views[view] = Features().fit(rows, train).encode(rows)
    model = replace(CELLS[data, name], seed=seed)
    seconds = fit(
        model, dataset, views, Path(tempfile.gettempdir()) / f"graphs-{data}-{name}-{seed}"
    )
    found = {
        "valid": compat(model, train, valid, METRICS),
        "test": compat(model, train, test, METRICS),
        "valid_as_strangers": compat(Strangers(model), train, valid, METRICS),
    }
    settings = {k: v for k, v in vars(model).items() if not k.endswith("_")}
    means = {k: [round(e.means[m], 4) for m in METRICS] for k, e in found.items()}
    epochs = len(model.values_)
    return {"data": data, "model": name, "seed": seed, **means, "epochs": epochs,
            "fit_processor_seconds": round(seconds, 1), "settings": settings}  # fmt: skip


def main() -> None:
    asked = sys.argv[1:]
    for data, name in CELLS:
        for seed in SEEDS:
            cell = [data, name, str(seed)]
            if asked != cell[: len(asked)]:
                continue
            place = RESULTS / "graphs.json"
            rows = read_figures(place) if place.is_file() else []
            if not any([r["data"], r["model"], str(r["seed"])] == cell for r in rows):
                save_results("graphs", [*rows, measure(data, name, seed)])


if __name__ == "__main__":
    main()
