"""Keep what a benchmark measured: the figures, the command, the versions, the machine."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polyrec.compute.stopwatch import versions

RESULTS = Path(__file__).parent / "results"


def record(name: str, figures: Any) -> None:
    """Write results/NAME.json and print the figures."""
    keep(RESULTS / name, figures)
    print(json.dumps(figures, indent=1))


def keep(place: Path, figures: Any) -> None:
    """Write PLACE.json; what was there stays whole until the new one is."""
    told = {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        },
        "versions": versions(),
        "figures": figures,
    }
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".json.new")
    fresh.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    fresh.replace(place.with_suffix(".json"))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
