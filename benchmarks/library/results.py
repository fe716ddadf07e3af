"""Results files: the figures, the command, the versions, the machine."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.library.data_sets import BENCHMARKS
from polyrec.compute.stopwatch import versions

RESULTS = BENCHMARKS / "results"


def save_results(name: str, figures: Any) -> None:
    """Write results/NAME.json and print the figures."""
    write_results(RESULTS / f"{name}.json", figures)
    print(json.dumps(figures, indent=1))


def merge_results(name: str, label: str, figures: Any) -> None:
    """Write figures under a label into results/NAME.json, beside those of other labels."""
    path = RESULTS / f"{name}.json"
    save_results(name, {**(read_figures(path) or {}), label: figures})


def read_figures(path: Path) -> Any:
    """Return the figures of a results file, None if there is none."""
    return json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else None


def write_results(path: Path, figures: Any) -> None:
    """Write a results file atomically."""
    document = {
        "command": _command(),
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        },
        "versions": versions(),
        "figures": figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def _command() -> str:
    spec = sys.modules["__main__"].__spec__  # None for a script that was not started with -m
    program = f"-m {spec.name.removesuffix('.__main__')}" if spec else sys.argv[0]
    return " ".join(["python", program, *sys.argv[1:]])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
