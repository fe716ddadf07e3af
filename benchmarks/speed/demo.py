"""How long does `polyrec demo` take, and how much memory?

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
from polyrec.data.synthetic import StudioSettings, generate_studio

PROGRAM = [sys.executable, "-c", "from polyrec.cli import main; main()", "demo", "--out", "demo"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generate_studio(Path(folder) / "studio", StudioSettings())
        generate_seconds = time.perf_counter() - start
        environment = {"HOME": folder, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        start = time.perf_counter()
        result = subprocess.run(PROGRAM, cwd=folder, env=environment, capture_output=True,
                                text=True, check=True)  # fmt: skip
        seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    recall = re.search(r"recall@20\s+([\d.]+)\s+([\d.]+)", result.stdout)
    save_results("demo", {
        "studio_600_items_2000_users_seconds": round(generate_seconds, 1),
        "demo_seconds": round(seconds, 1),
        "demo_peak_memory_mb": round(memory),
        "recall@20": {"valid": float(recall[1]), "test": float(recall[2])} if recall else None,
    })  # fmt: skip


if __name__ == "__main__":
    main()
