"""Tune one model on one data set and print what was found as JSON.

python -m benchmarks.quality.leaderboard.search CONFIG MODEL TRIALS HOURS FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.quality.leaderboard.cells import SEEDS, Cell, admit_peers
from polyrec.errors import PolyrecError
from polyrec.tune.study import tune


def main() -> None:
    place, model, trials, hours, folder = sys.argv[1:]
    admit_peers()
    cell = Cell(Path(place), model)
    config = cell.read_config({}, seed=SEEDS[0])
    started = time.process_time()
    out = Path(folder) / cell.data / f"{model}.yaml"
    try:
        found = tune(config, out=out, trials=int(trials), hours=float(hours))
    except PolyrecError as error:
        print(json.dumps({"failed": str(error)}))
        return
    told = {
        "metric": config.evaluate.select_by,
        "valid": round(found.score, 4),
        "trials": len(found.trials),
        "processor_seconds": round(time.process_time() - started),
        "settings": dict(found.settings),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
