"""How long do 10 million interactions take from file to matrix, and in how much memory?

    python -m benchmarks.scale.loading [--rows 10000000]

Each load runs in a process of its own; the floor is a bare read of the same file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.library.results import save_results

LOAD = """
import json, sys, time
from pathlib import Path
start = time.perf_counter()
from polyrec.config import DataConfig
from polyrec.data.load import load_dataset
loaded = load_dataset(DataConfig(path=Path(sys.argv[1])), weights={}, seed=1)
matrix = loaded.dataset.train.matrix()
seconds = time.perf_counter() - start
from polyrec.compute.stopwatch import peak_memory_mb
print(json.dumps({"seconds": seconds, "peak_memory_mb": peak_memory_mb(), "pairs": matrix.nnz}))
"""
READ = """
import json, sys, time
start = time.perf_counter()
import polars as pl
frame = pl.read_parquet(sys.argv[1] + "/interactions.parquet")
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


def child(code: str, folder: Path) -> dict:
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, check=True
    )
    return json.loads(result.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    generator = np.random.default_rng(0)
    users = generator.integers(0, rows // 50, rows)
    items = (100_000 * generator.random(rows) ** 2).astype(np.int64)
    split = generator.choice(["train", "valid", "test"], rows, p=[0.8, 0.1, 0.1])
    frame = pl.DataFrame({"user_id": users, "item_id": items, "split": split})
    frame = frame.unique(["user_id", "item_id"], maintain_order=True)
    figures = {"rows": len(frame)}
    for name in ("numbers", "text"):
        with tempfile.TemporaryDirectory() as folder:
            if name == "text":
                told = [
                    pl.format(f"{n}-{{}}", f"{n}_id").alias(f"{n}_id") for n in ("user", "item")
                ]
                frame = frame.with_columns(told)
            frame.write_parquet(Path(folder) / "interactions.parquet")
            found, floor = child(LOAD, Path(folder)), child(READ, Path(folder))
        figures[f"ids_as_{name}"] = {
            **{key: round(value, 2) for key, value in found.items()},
            "bare_read_seconds": round(floor["seconds"], 2),
            "ratio": round(found["seconds"] / floor["seconds"], 1),
        }
    save_results("loading", figures)


if __name__ == "__main__":
    main()
