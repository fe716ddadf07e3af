"""How long does the demo take, and in how much memory?

python -m benchmarks.speed.demo
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.library.results import save_results
from polyrec.data.synthetic import Studio, make_world


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_world(Path(folder) / "world", Studio())
        studio = time.perf_counter() - start
        words = [
            sys.executable,
            "-c",
            "from polyrec.cli import main; main()",
            "demo",
            "--out",
            "demo",
        ]
        start = time.perf_counter()
        environment = {"HOME": folder, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        result = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True,
                                check=True)  # fmt: skip
        whole = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    reached = re.search(r"recall@20\s+([\d.]+)\s+([\d.]+)", result.stdout)
    save_results("demo", {
        "studio_600_items_2000_users_seconds": round(studio, 1),
        "demo_seconds": round(whole, 1),
        "demo_peak_memory_mb": round(memory),
        "recall@20": {"valid": float(reached[1]), "test": float(reached[2])} if reached else None,
    })  # fmt: skip


if __name__ == "__main__":
    main()
