"""What do the models reach on the public data sets, compat protocol, settings chosen on valid?

OMP_NUM_THREADS=1 python -m benchmarks.quality.closed_forms
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import save_results
from polyrec.config import read_config
from polyrec.errors import PolyrecError
from polyrec.pipeline import run as pipeline

RUNS = (  # config, recommender, Recall@20 and NDCG@20 to reach on test, where any
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
    for name, use, goal in RUNS:
        config = read_config(config_path(name), overrides=[f"recommend.use={use}"])
        with tempfile.TemporaryDirectory() as folder:
            pipeline.run(config, out=Path(folder) / "bundle")
            report = json.loads((Path(folder) / "bundle" / "report.json").read_text())
        valid, test = report["metrics"]["valid"], report["metrics"]["test"]
        reached = (test["recall@20"], test["ndcg@20"])
        row = {
            "data": name,
            "hash": report["data"]["hash"],
            "model": use,
            "settings": report["chosen"],
            "valid": {m: round(valid[m], 4) for m in ("recall@20", "ndcg@20")},
            "test": {m: round(test[m], 4) for m in ("recall@20", "ndcg@20", "coverage@20")},
            "interval": report["intervals"]["test"]["recall@20"],
            "seconds": {k: round(v, 2) for k, v in report["seconds"].items()},
            "peak_memory_mb": round(report["peak_memory_mb"]),
        }
        if goal is not None:
            row["goal"] = goal
            row["met"] = all(a >= b for a, b in zip(reached, goal, strict=True))
        rows.append(row)
        print(name, use, row["test"], file=sys.stderr)
    save_results("quality", rows)


if __name__ == "__main__":
    try:
        main()
    except PolyrecError as error:
        sys.exit(str(error))
