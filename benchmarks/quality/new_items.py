"""Are items found that nobody has touched yet, among all the others? What does it cost the rest?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.new_items lastfm2k_mm movielens_small_mm studio

A fifth of the items, drawn evenly over popularity, leave train and valid wholly (a tenth more are
new to valid, where settings are chosen for them). They are ranked among all items: a model without
content can only guess. The knockout gives each item another item's content; `neighbours'
popularity` ranks items by the mean popularity of those nearest in content. `known alone` is what
known items reach in lists that hold no new ones, as a model that can't place them would have them.
Settings are those that find most of all items on valid. What was measured before of other data is
kept.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import RESULTS, read_figures, save_results
from polyrec.artifact import part_state
from polyrec.config import Config, read_config
from polyrec.data.load import load_dataset
from polyrec.data.synthetic import Studio, make_world
from polyrec.evaluate.protocols import compat, interval
from polyrec.pipeline import run as pipeline
from polyrec.recommend.autoencoder.multimodal_dae import MultimodalDAE
from polyrec.recommend.base import rank
from polyrec.recommend.early_stopping import fit
from polyrec.recommend.item_graph import Likeness, nearest
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.recommend.popular import Popular
from polyrec.types import Bools, Dataset, Embeddings, Floats, Query, Ranking, Views

WARM = "recall@20:warm"
METRICS = ["recall@20:cold", "ndcg@20:cold", WARM, "recall@20"]
OVERRIDES = [
    "data.split.use=auto",
    "evaluate.protocol=new_items",
    "evaluate.select_by=recall@20",
]
STUDIO = """
preset: shop
data: {path: world, text: [title, description], image: image, audio: audio}
"""
SETTINGS: dict[str, dict[str, Any]] = {  # of multimodal_dae, chosen on valid
    "lastfm2k_mm": {"weights": {"text": 1.0}, "dropout": 0.3},
    "movielens_small_mm": {"weights": {"text": 1.0}, "batch": 64},
    "studio": {},
}


@dataclass
class Known:
    """A model as it was before it could place new items: they stand in none of its lists."""

    model: Any
    known: Bools  # (n,)

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best known items of each row."""
        return rank(self._score, query, k, hide_seen=hide_seen)

    def _score(self, query: Query) -> Floats:
        scores: Floats = np.where(self.known, self.model.score(query), np.float32(-np.inf))
        return scores


def main(names: list[str]) -> None:
    place = RESULTS / "new_items.json"
    rows = {row["data"]: row for row in read_figures(place)}
    with tempfile.TemporaryDirectory() as folder:
        for name in names or SETTINGS:
            path = config_path(name)
            if name == "studio":
                path = Path(folder) / "studio.yaml"
                make_world(path.with_name("world"), Studio(items=600, users=2000))
                path.write_text(STUDIO + f"cache: {path.with_name('c.sqlite')}\n")
            config = read_config(path, overrides=OVERRIDES)
            rows[name] = {"data": name, **measure(config, SETTINGS[name])}
            print(rows[name], file=sys.stderr, flush=True)
            save_results("new_items", list(rows.values()))


def measure(config: Config, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what popularity, two models, and the knockout of one reach on new items."""
    dataset = load_dataset(config.data, weights=config.weights, seed=config.seed).dataset
    linear = pipeline.run(config).parts.recommender
    _, views = pipeline.encode(config, dataset)
    order = np.random.default_rng(config.seed).permutation(len(dataset.catalog))
    shuffled = {view: rows.take(order) for view, rows in views.items()}
    joined = pipeline.prepare(config, dataset.train, shuffled)[-1]
    models = {
        "popular": Popular().fit(dataset.train, {}),
        "neighbours' popularity": by_neighbours(dataset, views["text"]),
        "multimodal_linear": linear,
        "multimodal_linear, content shuffled": MultimodalLinear(
            **part_state.part_settings(linear)
        ).fit(dataset.train, joined),
        "multimodal_dae": _autoencoder(dataset, views, settings),
    }
    known = models["popular"].popularity_ > 0
    found: dict[str, dict[str, Any]] = {}
    for name, fitted in models.items():
        evaluation = compat(fitted, dataset.train, dataset.test, METRICS)
        found[name] = {metric: round(evaluation.means[metric], 4) for metric in METRICS}
        low, high = interval(evaluation.values[METRICS[0]])
        found[name]["interval"] = [round(low, 4), round(high, 4)]
        alone = compat(Known(fitted, known), dataset.train, dataset.test, [WARM])
        found[name]["known alone"] = round(alone.means[WARM], 4)
    return {
        "settings": part_state.part_settings(linear),
        "multimodal_dae settings": settings,
        **found,
    }


def by_neighbours(dataset: Dataset, view: Embeddings, k: int = 10) -> Popular:
    """Return a ranking by the mean popularity of the k items nearest in content that were taken."""
    model = Popular().fit(dataset.train, {})
    rows = Likeness.of(view).rows(view)
    taken: Floats = np.where(model.popularity_[:, None] > 0, rows, np.float32(0))
    graph = nearest(rows, taken, k, same=True)
    graph.data[:] = 1
    counts = np.maximum(np.diff(graph.indptr), 1)
    model.popularity_ = np.asarray(graph @ model.popularity_ / counts, np.float32)
    return model


def _autoencoder(dataset: Dataset, views: Views, settings: dict[str, Any]) -> Any:
    return fit(MultimodalDAE(device="cpu", **settings), dataset.train, views, dataset.valid)


if __name__ == "__main__":
    main(sys.argv[1:])
