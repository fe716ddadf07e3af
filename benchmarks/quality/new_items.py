"""Are new items recommended, among all others, and what does that cost the known ones?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.new_items lastfm2k_mm movielens_small_mm studio

A fifth of the items, drawn evenly over popularity, leave train and valid entirely (a tenth more are
new in valid, where settings are chosen for them). They are ranked among all items, so a model
without content can only guess. The knockout gives each item another item's content; `neighbours'
popularity` ranks items by the mean popularity of those nearest in content. `known alone` is what
known items reach in lists without new ones. Settings are those with the best recall of all items on
valid. The results of other data are kept.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.data_sets import config_path
from benchmarks.library.results import RESULTS, read_figures, save_results
from polyrec.artifact import part_state
from polyrec.config import Config, read_config
from polyrec.contracts import Recommender, part
from polyrec.data.load import Dataset, load_dataset
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.evaluate.protocols import bootstrap_interval, evaluate_top_k
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.pipeline.run import run
from polyrec.recommend.autoencoder.multimodal_dae import MultimodalDAE
from polyrec.recommend.base import BaseRecommender
from polyrec.recommend.item_graph import ContentSimilarity, knn_graph
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.recommend.popular import Popular
from polyrec.types import Bools, Embeddings, Floats, Query

WARM = "recall@20:warm"
METRICS = ["recall@20:cold", "ndcg@20:cold", WARM, "recall@20"]
OVERRIDES = [
    "data.split.use=auto",
    "evaluate.protocol=new_items",
    "evaluate.select_by=recall@20",
]
STUDIO = """
preset: shop
data: {path: studio, text: [title, description], image: image, audio: audio}
"""
AUTOENCODER_SETTINGS: dict[str, dict[str, Any]] = {  # chosen on valid
    "lastfm2k_mm": {"weights": {"text": 1.0}, "dropout": 0.3},
    "movielens_small_mm": {"weights": {"text": 1.0}, "batch": 64},
    "studio": {},
}


def main(names: list[str]) -> None:
    rows = {row["data"]: row for row in read_figures(RESULTS / "new_items.json") or []}
    with tempfile.TemporaryDirectory() as folder:
        for name in names or AUTOENCODER_SETTINGS:
            path = make_studio(Path(folder)) if name == "studio" else config_path(name)
            config = read_config(path, overrides=OVERRIDES)
            rows[name] = {"data": name, **measure(config, AUTOENCODER_SETTINGS[name])}
            print(rows[name], file=sys.stderr, flush=True)
            save_results("new_items", list(rows.values()))


def make_studio(folder: Path) -> Path:
    """Make the studio data set and return its config."""
    generate_studio(folder / "studio", StudioSettings(items=600, users=2000))
    (folder / "studio.yaml").write_text(STUDIO + f"cache: {folder / 'c.sqlite'}\n")
    return folder / "studio.yaml"


def measure(config: Config, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what every model reaches on new items, on known ones, and on all."""
    dataset = load_dataset(config.data, weights=config.weights, seed=config.seed)
    train, test = dataset.train, dataset.test
    linear = run(config).parts.recommender
    _, views = encode_dataset(config, dataset)
    order = np.random.default_rng(config.seed).permutation(len(dataset.catalog))
    shuffled = {view: rows.take(order) for view, rows in views.items()}
    shuffled = align_and_fuse(config, train, shuffled)[-1]
    autoencoder = MultimodalDAE(device="cpu", **settings)
    models = {
        "popular": Popular().fit(train, {}),
        "neighbours' popularity": neighbours_popularity(dataset, views["text"]),
        "multimodal_linear": linear,
        "multimodal_linear, content shuffled": MultimodalLinear(
            **part_state.part_settings(linear)
        ).fit(train, shuffled),
        "multimodal_dae": autoencoder.fit(train, views, valid=dataset.valid),
    }
    known = models["popular"].popularity_ > 0
    figures: dict[str, dict[str, Any]] = {}
    for name, model in models.items():
        evaluation = evaluate_top_k(model, train, test, METRICS)
        figures[name] = {metric: round(evaluation.means[metric], 4) for metric in METRICS}
        low, high = bootstrap_interval(evaluation.values[METRICS[0]])
        figures[name]["interval"] = [round(low, 4), round(high, 4)]
        known_alone = evaluate_top_k(KnownItems(model, known), train, test, [WARM])
        figures[name]["known alone"] = round(known_alone.means[WARM], 4)
    return {
        "settings": part_state.part_settings(linear),
        "multimodal_dae settings": settings,
        **figures,
    }


@part
class KnownItems(BaseRecommender):
    """A fitted model whose lists hold known items alone."""

    model: Recommender
    known: Bools  # (n,)

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores, -inf for new items."""
        scores: Floats = np.where(self.known, self.model.score(query), np.float32(-np.inf))
        return scores


def neighbours_popularity(dataset: Dataset, view: Embeddings, k: int = 10) -> Popular:
    """Return a ranking by the mean popularity of the k known items nearest in content."""
    model = Popular().fit(dataset.train, {})
    rows = ContentSimilarity.of(view).rows(view)
    known_rows: Floats = np.where(model.popularity_[:, None] > 0, rows, np.float32(0))
    graph = knn_graph(rows, known_rows, k, same=True)
    graph.data[:] = 1
    counts = np.maximum(np.diff(graph.indptr), 1)
    model.popularity_ = np.asarray(graph @ model.popularity_ / counts, np.float32)
    return model


if __name__ == "__main__":
    main(sys.argv[1:])
