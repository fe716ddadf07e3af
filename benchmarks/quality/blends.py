"""What do blends and their members reach, compat protocol, three seeds?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.blends lastfm2k_mm 7 8 9

Names are those of benchmarks/blends/*.yaml (none: all of them), numbers are seeds. Settings were
chosen on valid, the blend's weights are found there; members learn from train alone. Seconds are
of one core's work (a busy machine changes nothing). What was measured before of other data and
seeds is kept in the results; fitted members are kept under runs/blends, so that a run that was
broken off goes on.
"""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import BENCHMARKS
from benchmarks.library.results import RESULTS, read_figures, save_results
from polyrec.artifact import part_state
from polyrec.config import make_part, read_config
from polyrec.contracts import Recommender
from polyrec.data.load import load_dataset
from polyrec.evaluate.protocols import compat
from polyrec.pipeline import run as pipeline
from polyrec.recommend.early_stopping import fit
from polyrec.recommend.ensemble.blend import Blend
from polyrec.registry import find_class
from polyrec.types import Dataset, Views

METRICS = ["recall@20", "ndcg@20"]
KEPT = Path("runs/blends")
CONFIGS = BENCHMARKS / "blends"


def main(arguments: list[str]) -> None:
    seeds = [int(text) for text in arguments if text.isdigit()] or [7, 8, 9]
    every = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    names = [text for text in arguments if not text.isdigit()] or every
    place = RESULTS / "blends.json"
    runs = read_figures(place)["runs"] if place.is_file() else {}
    for name in names:
        for seed in seeds:
            runs.setdefault(name, {})[str(seed)] = measure(CONFIGS / f"{name}.yaml", seed)
            save_results(
                "blends", {"means": {n: summary(found) for n, found in runs.items()}, "runs": runs}
            )


def measure(path: Path, seed: int) -> dict[str, Any]:
    """Return what every member and their blend reach with one seed."""
    config = read_config(path, overrides=[f"seed={seed}"])
    dataset = load_dataset(config.data, weights=config.weights, seed=seed).dataset
    views: Views = {}
    if dataset.catalog.contents:
        views = pipeline.encode(config, dataset)[1]
        settings = config.align.settings
        views = (
            find_class("align", config.align.use)(**settings).fit(views, dataset.train).align(views)
        )
    told = {**config.recommend.settings, "seed": seed, "device": "cpu"}
    blend = make_part(Blend, told, where="recommend")
    members, found = [], {}
    for place, member in enumerate(blend.unfitted()):
        kept = KEPT / f"{path.stem}-{seed}-{_mark(member, blend.members[place].get('views'))}"
        names = blend.members[place].get("views") or views
        seconds = _fitted(member, kept, dataset, {view: views[view] for view in names})
        members.append(member)
        name = f"{place} {blend.members[place]['use']}"
        found[name] = _figures(member, dataset) | {"seconds": round(seconds, 1)}
    began = time.process_time()
    blend.join(members, dataset.train, valid=dataset.valid)
    seconds = round(time.process_time() - began, 1)
    for name, weight in zip(found, blend.weights_, strict=True):
        found[name]["weight"] = round(float(weight), 3)
    found["blend"] = _figures(blend, dataset) | {"seconds": seconds}
    print(path.stem, seed, json.dumps(found, indent=1), file=sys.stderr, flush=True)
    return found


def _mark(member: Recommender, views: list[str] | None) -> str:
    parts = [type(member).__name__, part_state.part_settings(member), *([views] if views else [])]
    told = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _fitted(member: Recommender, kept: Path, dataset: Dataset, views: Views) -> float:
    """Fit a member, or take what it learned from an earlier run; return the seconds it took."""
    if kept.with_suffix(".json").is_file():
        told = json.loads(kept.with_suffix(".json").read_text())
        with np.load(kept.with_suffix(".npz")) as arrays:
            part_state.load_learned(member, told["learned"], dict(arrays))
        return float(told["seconds"])
    began = time.process_time()
    fit(member, dataset.train, views, dataset.valid)
    seconds = time.process_time() - began
    learned, arrays = part_state.dump_learned(member)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(kept.with_suffix(".npz"), **arrays)
    kept.with_suffix(".json").write_text(json.dumps({"seconds": seconds, "learned": learned}))
    return seconds


def _figures(model: Recommender, dataset: Dataset) -> dict[str, Any]:
    return {
        part: {
            metric: round(value, 4)
            for metric, value in compat(model, dataset.train, target, METRICS).means.items()
        }
        for part, target in (("valid", dataset.valid), ("test", dataset.test))
    }


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return mean and sd over the seeds."""
    told: dict[str, Any] = {}
    for name in next(iter(found.values())):
        rows = [run[name] for run in found.values() if name in run]
        told[name] = {"seconds": round(float(np.mean([row["seconds"] for row in rows])), 1)}
        for part in ("valid", "test"):
            for metric in METRICS:
                values = [row[part][metric] for row in rows]
                told[name][f"{part} {metric}"] = [
                    round(float(np.mean(values)), 4), round(float(np.std(values)), 4)
                ]  # fmt: skip
    return told


if __name__ == "__main__":
    main(sys.argv[1:])
