"""Tune one model on one data set and print the best settings as JSON.

python -m benchmarks.quality.leaderboard.search CONFIG MODEL TRIALS HOURS FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.quality.leaderboard.cells import SEEDS, Cell, register_peers
from polyrec.errors import PolyrecError
from polyrec.tune.study import tune


def main() -> None:
    config_file, model, trials, hours, folder = sys.argv[1:]
    register_peers()
    cell = Cell(Path(config_file), model)
    config = cell.run_config({}, seed=SEEDS[0])
    start = time.process_time()
    out = Path(folder) / cell.data / f"{model}.yaml"
    try:
        study = tune(config, out=out, trials=int(trials), hours=float(hours))
    except PolyrecError as error:
        print(json.dumps({"failed": str(error)}))
        return
    results = {
        "metric": config.evaluate.select_by,
        "valid": round(study.score, 4),
        "trials": len(study.trials),
        "processor_seconds": round(time.process_time() - start),
        "settings": dict(study.settings),
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
