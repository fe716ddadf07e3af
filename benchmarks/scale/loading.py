"""How long do 10 million interactions take from file or frame to matrix, and how much memory?

    python -m benchmarks.scale.loading [--rows 10000000]

Each load has a process of its own; the floor is a bare read of the same file. The memory of frames
includes the frame itself.
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
loaded = load_dataset(DataConfig(path=Path(sys.argv[1]).parent), weights={}, seed=1)
matrix = loaded.train.matrix()
seconds = time.perf_counter() - start
from polyrec.compute.stopwatch import peak_memory_mb
print(json.dumps({
    "seconds": seconds, "cpu_seconds": time.process_time(),
    "peak_memory_mb": peak_memory_mb(), "pairs": matrix.nnz,
}))
"""
LOAD_FRAMES = """
import json, sys, time
import polars as pl
from polyrec.data.load import Dataset
frame = pl.read_parquet(sys.argv[1])
start, cpu = time.perf_counter(), time.process_time()
matrix = Dataset.from_frames(frame, split="given").train.matrix()
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
from polyrec.compute.stopwatch import peak_memory_mb
print(json.dumps({
    "seconds": seconds, "cpu_seconds": cpu_seconds,
    "peak_memory_mb": peak_memory_mb(), "pairs": matrix.nnz,
}))
"""
READ = """
import json, sys, time
start = time.perf_counter()
import polars as pl
read = pl.read_csv if sys.argv[1].endswith(".csv") else pl.read_parquet
frame = read(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    frame = make_interactions(parser.parse_args().rows)
    text_ids = [pl.format(f"{n}-{{}}", f"{n}_id").alias(f"{n}_id") for n in ("user", "item")]
    time = pl.Series(np.random.default_rng(1).integers(1_500_000_000, 1_700_000_000, len(frame)))
    save_results("loading", {
        "rows": len(frame),
        "ids_as_numbers": measure(frame),
        "ids_as_text": measure(frame.with_columns(text_ids)),
        "frames_of_text_ids": measure(frame.with_columns(text_ids), load=LOAD_FRAMES),
        "csv_of_text_ids_and_times": measure(
            frame.drop("split").with_columns(*text_ids, time.alias("timestamp")), suffix=".csv"
        ),
    })  # fmt: skip


def make_interactions(rows: int) -> pl.DataFrame:
    """Return random interactions, of each pair one."""
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({
        "user_id": generator.integers(0, rows // 50, rows),
        "item_id": (100_000 * generator.random(rows) ** 2).astype(np.int64),
        "split": generator.choice(["train", "valid", "test"], rows, p=[0.8, 0.1, 0.1]),
    })  # fmt: skip
    return frame.unique(["user_id", "item_id"], maintain_order=True)


def measure(frame: pl.DataFrame, suffix: str = ".parquet", load: str = LOAD) -> dict[str, float]:
    """Return what loading costs, and the seconds of a bare read."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"interactions{suffix}"
        (frame.write_csv if suffix == ".csv" else frame.write_parquet)(file)
        loaded, read = run_child(load, file), run_child(READ, file)
    return {
        **{name: round(value, 2) for name, value in loaded.items()},
        "bare_read_seconds": round(read["seconds"], 2),
        "ratio": round(loaded["seconds"] / read["seconds"], 1),
    }


def run_child(code: str, file: Path) -> dict[str, float]:
    """Return the JSON that a program prints."""
    result = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, check=True
    )
    output: dict[str, float] = json.loads(result.stdout)
    return output


if __name__ == "__main__":
    main()
