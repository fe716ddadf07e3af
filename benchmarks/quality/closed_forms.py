"""What do the closed-form models reach on the public data sets, with settings chosen on valid?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.closed_forms

Protocol `compat`. Results: quality.json.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import save_results
from polyrec.config import read_config
from polyrec.errors import PolyrecError
from polyrec.pipeline.run import run

RUNS = (  # data, recommender, Recall@20 and NDCG@20 to reach on test, if any
    ("lastfm2k_mm", "multimodal_linear", (0.425, 0.289)),
    ("lastfm2k_mm", "ease", (0.394, 0.0)),
    ("lastfm2k_mm", "item_knn", None),
    ("lastfm2k_mm", "rp3beta", None),
    ("lastfm2k_mm", "popular", None),
    ("tiktok", "rp3beta", (0.093, 0.040)),
    ("tiktok", "popular", None),
    ("movielens_small_mm", "multimodal_linear", (0.142, 0.080)),
    ("movielens_small_mm", "ease", None),
    ("movielens_small_mm", "popular", None),
    ("amazon_baby", "item_knn", (0.0834 - 0.001, 0.0404 - 0.001)),
    ("amazon_baby", "ease", (0.0825 - 0.001, 0.0396 - 0.001)),
    ("amazon_baby", "rp3beta", None),
    ("amazon_baby", "popular", None),
)


def main() -> None:
    rows = []
    for data, model, goal in RUNS:
        rows.append(measure(data, model, goal))
        print(data, model, rows[-1]["test"], file=sys.stderr)
    save_results("quality", rows)


def measure(data: str, model: str, goal: tuple[float, float] | None) -> dict[str, Any]:
    """Return the report of one run in short, and whether it reaches its goal."""
    config = read_config(config_path(data), overrides=[f"recommend.use={model}"])
    with tempfile.TemporaryDirectory() as folder:
        run(config, out=Path(folder) / "bundle")
        report = json.loads((Path(folder) / "bundle" / "report.json").read_text())
    valid, test = report["metrics"]["valid"], report["metrics"]["test"]
    row = {
        "data": data,
        "hash": report["data"]["hash"],
        "model": model,
        "settings": report["settings"],
        "valid": {m: round(valid[m], 4) for m in ("recall@20", "ndcg@20")},
        "test": {m: round(test[m], 4) for m in ("recall@20", "ndcg@20", "coverage@20")},
        "interval": report["intervals"]["test"]["recall@20"],
        "seconds": {k: round(v, 2) for k, v in report["seconds"].items()},
        "peak_memory_mb": round(report["peak_memory_mb"]),
    }
    if goal is not None:
        row["goal"] = goal
        row["met"] = test["recall@20"] >= goal[0] and test["ndcg@20"] >= goal[1]
    return row


if __name__ == "__main__":
    try:
        main()
    except PolyrecError as error:
        sys.exit(str(error))
