"""Does fusing modalities pay: on known items, on new items, and with text missing?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.fusion [DATA ...] [SEED ...]

Each fuser joins the views, and multimodal_linear reads the fused view alone, its settings chosen on
valid. For comparison: every single view, no content, and the default, which is multimodal_linear
over the views and their concatenation with weights chosen on valid. Conditions: warm (the data's
own split), new items (a fifth leaves train), 40% of the items lose their text. Three seeds, each
with its own studio data set, new items, missing items and trained fusers. The intervals are of the
difference to the seed's best single view, paired over users. The results of other data and seeds
are kept.
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
from polyrec.contracts import Recommender
from polyrec.data.load import Dataset, load_dataset
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.evaluate.protocols import Evaluation, bootstrap_interval, evaluate_top_k
from polyrec.evaluate.robustness import drop_modality
from polyrec.pipeline.encoding import encode_dataset
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.registry import find_class, registered_parts
from polyrec.types import FUSED, Floats, Views

METRIC = "recall@20"
DATA = ("studio", "lastfm2k_mm", "movielens_small_mm")
SEEDS = ("7", "8", "9")
CONDITIONS = ("warm", "new items", "40% of text missing")
WITHOUT_SEED = ("concat", "mean")
STUDIO = """
preset: shop
data: {path: studio, text: [title, description], image: image, audio: audio}
"""


def main() -> None:
    selected = sys.argv[1:]
    tables = (read_figures(RESULTS / "fusion.json") or {}).get("seeds", {})
    for name in [name for name in DATA if name in selected] or DATA:
        for seed in [seed for seed in SEEDS if seed in selected] or SEEDS:
            tables.setdefault(name, {})[seed] = measure(name, int(seed))
    means = {
        name: {condition: mean_over_seeds(seeds, condition) for condition in CONDITIONS}
        for name, seeds in tables.items()
    }
    save_results("fusion", {"means": means, "seeds": tables})


def mean_over_seeds(seeds: dict[str, Any], condition: str) -> dict[str, list[float]]:
    """Return the mean and standard deviation over the seeds of every row."""
    tables = [conditions[condition] for conditions in seeds.values()]
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


def measure(name: str, seed: int) -> dict[str, Any]:
    """Return the table of every condition."""
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        for condition in CONDITIONS:
            config = make_config(name, seed, Path(folder), new_items=condition == "new items")
            dataset = load_dataset(config.data, weights=config.weights, seed=seed)
            views = encode_dataset(config, dataset)[1]
            if condition == "new items":
                dataset = only_new_items(dataset)
            if "missing" in condition:
                popularity = np.asarray(dataset.train.positives().astype(bool).sum(axis=0))
                views = drop_modality(views, "text", rate=0.4, popularity=popularity, seed=seed)
            tables[condition] = compare_fusers(dataset, views, seed)
            print(name, seed, condition, tables[condition], file=sys.stderr, flush=True)
    return tables


def make_config(name: str, seed: int, folder: Path, *, new_items: bool) -> Config:
    """Return the config of a run; the studio data set of the seed is made in `folder`."""
    overrides = [f"seed={seed}"]
    overrides += ["data.split.use=new_items", "data.split.test=0.2"] if new_items else []
    if name != "studio":
        return read_config(config_path(name), overrides=overrides)
    if not (folder / "studio").is_dir():
        generate_studio(folder / "studio", StudioSettings(items=600, users=2000, seed=seed))
        (folder / "studio.yaml").write_text(STUDIO + f"cache: {folder / 'c.sqlite'}\n")
    return read_config(folder / "studio.yaml", overrides=overrides)


def only_new_items(dataset: Dataset) -> Dataset:
    """Return the dataset with events on new items alone in valid and test."""
    known = np.bincount(dataset.train.items, minlength=dataset.train.shape[1]) > 0
    valid, test = (part.take(~known[part.items]) for part in (dataset.valid, dataset.test))
    return replace(dataset, valid=valid, test=test)


def compare_fusers(dataset: Dataset, views: Views, seed: int) -> dict[str, Any]:
    """Return test recall of single views and fusers, and the difference to the best view."""
    runs = {f"{name} alone": best_on_valid(dataset, {name: views[name]}) for name in views}
    best = max(runs, key=lambda name: runs[name].means[METRIC])
    runs["no content"] = _evaluate(EASE(l2=200.0).fit(dataset.train, {}), dataset)
    runs["default"] = default_on_valid(dataset, views)
    shared = find_class("align", "cca")(width=48, ridge=0.1).fit(views, dataset.train).align(views)
    for use in sorted(registered_parts("fuse")):
        inputs = shared if use == "mean" else views
        fuser = find_class("fuse", use)(**({} if use in WITHOUT_SEED else {"seed": seed}))
        fused = fuser.fit(inputs, dataset.train).fuse(inputs)
        runs[use] = best_on_valid(dataset, {"joined": fused})
    floor = runs[best].values[METRIC]
    return {"best single view": best} | {name: _row(run, floor) for name, run in runs.items()}


def _row(evaluation: Evaluation, floor: Floats) -> dict[str, Any]:
    low, high = bootstrap_interval(evaluation.values[METRIC] - floor)
    return {
        "test": round(evaluation.means[METRIC], 4),
        "over_best_single": [round(float(low), 4), round(float(high), 4)],
    }


def best_on_valid(dataset: Dataset, views: Views) -> Evaluation:
    """Return what multimodal_linear reaches on test with the settings best on valid."""
    models = [
        MultimodalLinear(l2=200.0, content=1.0, content_l2=content_l2) for content_l2 in (5.0, 50.0)
    ]
    return _choose(models, dataset, views)


def default_on_valid(dataset: Dataset, views: Views) -> Evaluation:
    """Return the same over all views and their concatenation, with weights chosen on valid too."""
    fused = find_class("fuse", "concat")().fit(views, dataset.train).fuse(views)
    inputs = {**views, FUSED: fused}
    models = [
        MultimodalLinear(200.0, 1.0, content_l2, weights)
        for weights in MultimodalLinear().search_space(inputs)[0]["weights"]
        for content_l2 in (5.0, 50.0)
    ]
    return _choose(models, dataset, inputs)


def _choose(models: list[MultimodalLinear], dataset: Dataset, views: Views) -> Evaluation:
    """Return the evaluation on test of the model that is best on valid."""
    trials = []
    for model in models:
        model.fit(dataset.train, views)
        valid = evaluate_top_k(model, dataset.train, dataset.valid, [METRIC]).means[METRIC]
        trials.append((valid, _evaluate(model, dataset)))
    return max(trials, key=lambda trial: trial[0])[1]


def _evaluate(model: Recommender, dataset: Dataset) -> Evaluation:
    return evaluate_top_k(model, dataset.train, dataset.test, [METRIC])


if __name__ == "__main__":
    main()
