"""Does fusing modalities pay: on what everybody knows, on new items, with text gone missing?

    OMP_NUM_THREADS=1 python benchmarks/fusion.py

Each fuser joins the aligned views; multimodal_linear reads nothing but the joined view, its
settings from valid. Beside them every single view, no content at all, and the default:
multimodal_linear over the views themselves, weights from valid. Conditions: warm (the data's own
split), new items (a fifth leaves train), 40% of the items lose their text. Trained fusers: three
seeds on the studio world and Last.fm, one on MovieLens. The interval is of the difference to the
best single view, paired over users (of the first seed).
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from polyrec import pipeline
from polyrec.config import read
from polyrec.data.load import load
from polyrec.data.studio import Studio, make_world
from polyrec.evaluate.protocols import Evaluation, compat, interval
from polyrec.evaluate.robustness import drop
from polyrec.recommend.ease import EASE
from polyrec.recommend.multimodal_linear import MultimodalLinear
from polyrec.registry import find, names
from polyrec.types import FUSED, Dataset, Views
from record import record

METRIC = "recall@20"
SEEDS = (7, 8, 9)
CLOSED = ("concat", "mean")
STUDIO = """
preset: shop
data: {path: world, text: [title, description], image: image, audio: audio}
"""


def main() -> None:
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_world(folder / "world", Studio(items=600, users=2000))
        (folder / "studio.yaml").write_text(STUDIO + f"cache: {folder / 'c.sqlite'}\n")
        here = Path(__file__).parent
        for config, seeds in (
            (folder / "studio.yaml", SEEDS),
            (here / "lastfm2k_mm.yaml", SEEDS),
            (here / "movielens_small_mm.yaml", SEEDS[:1]),
        ):
            told[config.stem] = conditions(config, seeds)
    record("fusion", told)


def conditions(path: Path, seeds: tuple[int, ...]) -> dict:
    told = {}
    for condition in ("warm", "new items", "40% of text missing"):
        new = ["data.split.use=new_items", "data.split.test=0.2"]
        config = read(path, overrides=new if condition == "new items" else [])
        dataset = load(config.data, weights=config.weights, seed=config.seed).dataset
        views = pipeline.encode(config, dataset)[1]
        aligned = find("align", "whiten")(width=64).fit(views, dataset.train).align(views)
        if "missing" in condition:
            taken = np.asarray(dataset.train.positives().astype(bool).sum(axis=0))
            aligned = drop(aligned, "text", rate=0.4, popularity=taken, seed=0)
        told[condition] = table(dataset, aligned, seeds)
        print(path.stem, condition, told[condition], file=sys.stderr, flush=True)
    return told


def table(dataset: Dataset, views: Views, seeds: tuple[int, ...]) -> dict:
    """Return test recall of everything, the best single view marked, differences to it."""
    runs: dict[str, list[Evaluation]] = {
        f"{name} alone": [reached(dataset, {name: views[name]})] for name in views
    }
    best = max(runs, key=lambda name: runs[name][0].means[METRIC])
    runs["no content"] = [_evaluated(EASE(l2=200.0).fit(dataset.train, {}), dataset)]
    runs["default"] = [by_default(dataset, views)]
    shared = find("align", "cca")(width=48, ridge=0.1).fit(views, dataset.train).align(views)
    for use in sorted(names("fuse")):
        given = shared if use == "mean" else views
        runs[use] = []
        for seed in seeds[:1] if use in CLOSED else seeds:
            part = find("fuse", use)(**({} if use in CLOSED else {"seed": seed}))
            joined = part.fit(given, dataset.train).fuse(given)
            runs[use].append(reached(dataset, {"joined": joined}))
    floor = runs[best][0].values[METRIC]
    return {"best single view": best} | {name: _row(found, floor) for name, found in runs.items()}


def _row(found: list[Evaluation], floor: np.ndarray) -> dict:
    values = [evaluation.means[METRIC] for evaluation in found]
    low, high = interval(found[0].values[METRIC] - floor)
    return {
        "test": round(float(np.mean(values)), 4), "sd": round(float(np.std(values)), 4),
        "over_best_single": [round(float(low), 4), round(float(high), 4)],
    }  # fmt: skip


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
    fused = find("fuse", "concat")().fit(views, dataset.train).fuse(views)
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
