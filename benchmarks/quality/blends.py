"""What do blends and their members reach, with three seeds?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.blends lastfm2k_mm 7 8 9

Names are those of benchmarks/blends/*.yaml (default: all), numbers are seeds. Protocol `compat`:
settings and the blend's weights are chosen on valid, members are fitted on train alone. Seconds are
processor time. The results of other data and seeds are kept. Fitted members are cached in
runs/blends, so that an interrupted run goes on where it stopped.
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
from polyrec.config import Config, make_part, read_config
from polyrec.contracts import Recommender
from polyrec.data.load import Dataset, load_dataset
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.pipeline.encoding import encode_dataset
from polyrec.recommend.ensemble.blend import Blend
from polyrec.registry import find_class
from polyrec.types import Views

METRICS = ["recall@20", "ndcg@20"]
MEMBERS_CACHE = Path("runs/blends")
CONFIGS = BENCHMARKS / "blends"


def main(arguments: list[str]) -> None:
    seeds = [int(text) for text in arguments if text.isdigit()] or [7, 8, 9]
    names = [text for text in arguments if not text.isdigit()]
    names = names or sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    runs = (read_figures(RESULTS / "blends.json") or {"runs": {}})["runs"]
    for name in names:
        for seed in seeds:
            runs.setdefault(name, {})[str(seed)] = measure(CONFIGS / f"{name}.yaml", seed)
            means = {name: mean_over_seeds(seeds) for name, seeds in runs.items()}
            save_results("blends", {"means": means, "runs": runs})


def measure(path: Path, seed: int) -> dict[str, Any]:
    """Return what every member and their blend reach with one seed."""
    config = read_config(path, overrides=[f"seed={seed}"])
    dataset = load_dataset(config.data, weights=config.weights, seed=seed)
    views = aligned_views(config, dataset)
    settings = {**config.recommend.settings, "seed": seed, "device": "cpu"}
    blend = make_part(Blend, settings, where="recommend")
    members: list[Recommender] = []
    rows: dict[str, dict[str, Any]] = {}
    for index, (member, member_settings) in enumerate(
        zip(blend.unfitted(), blend.members, strict=True)
    ):
        names = member_settings.get("views")
        cache = MEMBERS_CACHE / f"{path.stem}-{seed}-{_fingerprint(member, names)}"
        seconds = _fit_cached(member, cache, dataset, {v: views[v] for v in names or views})
        members.append(member)
        row = _evaluate(member, dataset) | {"seconds": round(seconds, 1)}
        rows[f"{index} {member_settings['use']}"] = row
    start = time.process_time()
    blend.join(members, dataset.train, valid=dataset.valid)
    seconds = round(time.process_time() - start, 1)
    for row, weight in zip(rows.values(), blend.weights_, strict=True):
        row["weight"] = round(float(weight), 3)
    rows["blend"] = _evaluate(blend, dataset) | {"seconds": seconds}
    print(path.stem, seed, json.dumps(rows, indent=1), file=sys.stderr, flush=True)
    return rows


def aligned_views(config: Config, dataset: Dataset) -> Views:
    """Return the encoded and aligned views, none if the data have no content."""
    if not dataset.catalog.contents:
        return {}
    views = encode_dataset(config, dataset)[1]
    aligner = find_class("align", config.align.use)(**config.align.settings)
    aligned: Views = aligner.fit(views, dataset.train).align(views)
    return aligned


def mean_over_seeds(seeds: dict[str, Any]) -> dict[str, Any]:
    """Return the mean and standard deviation over the seeds of every row."""
    means: dict[str, Any] = {}
    for name in next(iter(seeds.values())):
        rows = [run[name] for run in seeds.values() if name in run]
        means[name] = {"seconds": round(float(np.mean([row["seconds"] for row in rows])), 1)}
        for part in ("valid", "test"):
            for metric in METRICS:
                values = [row[part][metric] for row in rows]
                means[name][f"{part} {metric}"] = [
                    round(float(np.mean(values)), 4), round(float(np.std(values)), 4)
                ]  # fmt: skip
    return means


def _fingerprint(member: Recommender, views: list[str] | None) -> str:
    parts = [type(member).__name__, part_state.part_settings(member), *([views] if views else [])]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _fit_cached(member: Recommender, cache: Path, dataset: Dataset, views: Views) -> float:
    """Fit a member, or restore it from an earlier run; return the seconds of the fit."""
    state_file, arrays_file = cache.with_suffix(".json"), cache.with_suffix(".npz")
    if state_file.is_file():
        state = json.loads(state_file.read_text())
        with np.load(arrays_file) as arrays:
            part_state.load_learned(member, state["learned"], dict(arrays))
        return float(state["seconds"])
    start = time.process_time()
    member.fit(dataset.train, views, valid=dataset.valid)
    seconds = time.process_time() - start
    learned, arrays = part_state.dump_learned(member)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(arrays_file, **arrays)
    state_file.write_text(json.dumps({"seconds": seconds, "learned": learned}))
    return seconds


def _evaluate(model: Recommender, dataset: Dataset) -> dict[str, Any]:
    return {
        part: {
            metric: round(value, 4)
            for metric, value in evaluate_top_k(model, dataset.train, target, METRICS).means.items()
        }
        for part, target in (("valid", dataset.valid), ("test", dataset.test))
    }


if __name__ == "__main__":
    main(sys.argv[1:])
