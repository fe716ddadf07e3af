"""Does fusing modalities pay: on what everybody knows, on new items, with text gone missing?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.fusion [DATA ...] [SEED ...]

Each fuser joins the views; multimodal_linear reads nothing but the joined view, its settings from
valid. Beside them every single view, no content at all, and the default: multimodal_linear over
the views themselves and their concatenation, weights from valid. Conditions: warm (the data's own
split), new items (a fifth leaves train), 40% of the items lose their text. Three seeds, each with a
studio world, a choice of new and of missing items, and trained fusers of its own. The intervals are
of the difference to the best single view of that seed, paired over users. What the file holds of
other data and seeds stays, so that the whole can be made in pieces.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import RESULTS, read_figures, save_results
from polyrec.config import Config, read_config
from polyrec.data.load import load_dataset
from polyrec.data.synthetic import Studio, make_world
from polyrec.evaluate.protocols import Evaluation, compat, interval
from polyrec.evaluate.robustness import drop
from polyrec.pipeline import run as pipeline
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.registry import find_class, registered_parts
from polyrec.types import FUSED, Dataset, Views

METRIC = "recall@20"
DATA = ("studio", "lastfm2k_mm", "movielens_small_mm")
SEEDS = ("7", "8", "9")
CONDITIONS = ("warm", "new items", "40% of text missing")
CLOSED = ("concat", "mean")
STUDIO = """
preset: shop
data: {path: world, text: [title, description], image: image, audio: audio}
"""


def main() -> None:
    asked = sys.argv[1:]
    file = RESULTS / "fusion.json"
    kept = read_figures(file).get("seeds", {}) if file.is_file() else {}
    for name in [name for name in DATA if name in asked] or DATA:
        for seed in [seed for seed in SEEDS if seed in asked] or SEEDS:
            kept.setdefault(name, {})[seed] = conditions(name, int(seed))
    summary = {
        name: {condition: means(seeds, condition) for condition in CONDITIONS}
        for name, seeds in kept.items()
    }
    save_results("fusion", {"means": summary, "seeds": kept})


def means(seeds: dict[str, Any], condition: str) -> dict[str, list[float]]:
    """Return the mean and standard deviation over the seeds of every row."""
    tables = [found[condition] for found in seeds.values()]
    rows = {
        name: [table[name]["test"] for table in tables]
        for name in tables[0]
        if isinstance(tables[0][name], dict)
    }
    rows["best single view"] = [table[table["best single view"]]["test"] for table in tables]
    return {
        name: [round(float(np.mean(values)), 4), round(float(np.std(values)), 4)]
        for name, values in rows.items()
    }


def conditions(name: str, seed: int) -> dict:
    told = {}
    with tempfile.TemporaryDirectory() as place:
        for condition in CONDITIONS:
            config = configured(name, seed, Path(place), new=condition == "new items")
            dataset = load_dataset(config.data, weights=config.weights, seed=seed).dataset
            views = pipeline.encode(config, dataset)[1]
            if condition == "new items":
                dataset = only_new(dataset)
            if "missing" in condition:
                taken = np.asarray(dataset.train.positives().astype(bool).sum(axis=0))
                views = drop(views, "text", rate=0.4, popularity=taken, seed=seed)
            told[condition] = table(dataset, views, seed)
            print(name, seed, condition, told[condition], file=sys.stderr, flush=True)
    return told


def configured(name: str, seed: int, place: Path, *, new: bool) -> Config:
    """Return the run; the studio world of the seed is made in `place`."""
    overrides = [f"seed={seed}"]
    overrides += ["data.split.use=new_items", "data.split.test=0.2"] if new else []
    if name != "studio":
        return read_config(config_path(name), overrides=overrides)
    if not (place / "world").is_dir():
        make_world(place / "world", Studio(items=600, users=2000, seed=seed))
        (place / "studio.yaml").write_text(STUDIO + f"cache: {place / 'c.sqlite'}\n")
    return read_config(place / "studio.yaml", overrides=overrides)


def only_new(dataset: Dataset) -> Dataset:
    """Return the dataset with pairs of items that train does not know in valid and test alone."""
    known = np.bincount(dataset.train.items, minlength=dataset.train.shape[1]) > 0
    parts = {"valid": dataset.valid, "test": dataset.test}
    kept = {name: part.take(~known[part.items]) for name, part in parts.items()}
    return replace(dataset, **kept)


def table(dataset: Dataset, views: Views, seed: int) -> dict:
    """Return test recall of everything, the best single view marked, differences to it."""
    runs: dict[str, Evaluation] = {
        f"{name} alone": reached(dataset, {name: views[name]}) for name in views
    }
    best = max(runs, key=lambda name: runs[name].means[METRIC])
    runs["no content"] = _evaluated(EASE(l2=200.0).fit(dataset.train, {}), dataset)
    runs["default"] = by_default(dataset, views)
    shared = find_class("align", "cca")(width=48, ridge=0.1).fit(views, dataset.train).align(views)
    for use in sorted(registered_parts("fuse")):
        given = shared if use == "mean" else views
        part = find_class("fuse", use)(**({} if use in CLOSED else {"seed": seed}))
        joined = part.fit(given, dataset.train).fuse(given)
        runs[use] = reached(dataset, {"joined": joined})
    floor = runs[best].values[METRIC]
    return {"best single view": best} | {name: _row(found, floor) for name, found in runs.items()}


def _row(found: Evaluation, floor: np.ndarray) -> dict:
    low, high = interval(found.values[METRIC] - floor)
    return {
        "test": round(found.means[METRIC], 4),
        "over_best_single": [round(float(low), 4), round(float(high), 4)],
    }


def reached(dataset: Dataset, views: Views) -> Evaluation:
    """Return what multimodal_linear reaches on test with the settings best on valid."""
    tried = []
    for content_l2 in (5.0, 50.0):
        model = MultimodalLinear(l2=200.0, content=1.0, content_l2=content_l2)
        tried.append(_tried(model, dataset, views))
    return max(tried, key=lambda entry: entry[0])[1]


def by_default(dataset: Dataset, views: Views) -> Evaluation:
    """Return the same over all views and their concatenation, weights chosen on valid, too."""
    tried = []
    fused = find_class("fuse", "concat")().fit(views, dataset.train).fuse(views)
    given = {**views, FUSED: fused}
    for weights in MultimodalLinear().search_space(given)[0]["weights"]:
        for content_l2 in (5.0, 50.0):
            model = MultimodalLinear(200.0, 1.0, content_l2, weights)
            tried.append(_tried(model, dataset, given))
    return max(tried, key=lambda entry: entry[0])[1]


def _tried(model: MultimodalLinear, dataset: Dataset, views: Views) -> tuple[float, Evaluation]:
    model.fit(dataset.train, views)
    valid = compat(model, dataset.train, dataset.valid, [METRIC]).means[METRIC]
    return valid, _evaluated(model, dataset)


def _evaluated(model: Any, dataset: Dataset) -> Evaluation:
    return compat(model, dataset.train, dataset.test, [METRIC])


if __name__ == "__main__":
    main()
