"""What do the encoders' features tell? Of items that nobody touched, and of music.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.encoders [music studio films]

1. Studio world and MovieLens: a fifth of the items leave train (a tenth more for valid), and are
   ranked among all. Settings of the recommender from valid; several seeds where encoders are
   trained here; the knockout gives each item another item's content.
2. MovieLens, given split: content alone (behaviour only says what the user's history is).
3. Emotify: a linear probe (logistic regression, 5 folds) from sound to genre and to nine emotions.
"""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.results import save_results
from polyrec.config import Config, parse_config
from polyrec.data.load import load_dataset
from polyrec.data.synthetic import Studio, make_world
from polyrec.evaluate.protocols import compat, interval
from polyrec.pipeline import run as pipeline
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.types import Dataset, Views

METRIC = "recall@20"
SEEDS = (7, 8, 9)
TRAINED = ("text_lstm", "text_transformer", "image_cnn", "audio_cnn", "audio_lstm", "video_lstm")

STUDIO = {
    "text": ("lsa", "minilm", "text_lstm", "text_transformer"),
    "image": ("descriptor", "image_cnn"),
    "audio": ("spectral", "audio_cnn", "audio_lstm"),
    "video": ("motion", "video_lstm"),
}
FILMS: dict[str, dict[str, str]] = {
    "text: lsa": {"text": "lsa"},
    "text: minilm": {"text": "minilm"},
    "posters: descriptor": {"image": "descriptor"},
    "posters: image_cnn": {"image": "image_cnn"},
    "text: lsa, posters: descriptor": {"text": "lsa", "image": "descriptor"},
    "text: minilm, posters: image_cnn": {"text": "minilm", "image": "image_cnn"},
}
NEW = {"use": "new_items", "test": 0.2}


def main() -> None:
    for question in sys.argv[1:] or ("music", "studio", "films"):
        with tempfile.TemporaryDirectory() as place:
            save_results(f"encoders_{question}", QUESTIONS[question](Path(place)))


def studio(folder: Path) -> dict:
    make_world(folder / "world", Studio(items=600, users=2000))
    text = ["title", "description"]
    told = {}
    for kind, names in STUDIO.items():
        data = {"path": str(folder / "world"), kind: text if kind == "text" else kind, "split": NEW}
        for name in names:
            tree = {"preset": "shop", "data": data, "encode": {kind: {"use": name}}}
            seeds = SEEDS if name in TRAINED else SEEDS[:1]
            told[f"{kind}: {name}"] = _seeds(tree, seeds, folder)
    return told


def films(folder: Path) -> dict:
    """Content alone, and new items; one seed for the costly pair of trained posters and text."""
    return {
        "new_items": _films(folder, split=NEW),
        "content_alone": _films(folder, split={"use": "given"}),
    }


def _films(folder: Path, *, split: Mapping[str, Any]) -> dict:
    told = {}
    content = {"text": ["title", "genres", "plot", "keywords"], "image": "poster"}
    for name, encoders in FILMS.items():
        data = {"path": str(SHARED_DATA / "movielens_small_mm"), "min_rating": 4, "split": split}
        data |= {kind: content[kind] for kind in encoders}
        tree = {"data": data, "encode": {kind: {"use": use} for kind, use in encoders.items()}}
        alone = split["use"] == "given"
        seeds = SEEDS[:2] if name == "posters: image_cnn" and not alone else SEEDS[:1]
        told[name] = _seeds(tree, seeds, folder, alone=alone)
    return told


def _seeds(tree: dict, seeds: Sequence[int], folder: Path, *, alone: bool = False) -> dict:
    runs = [_measure(tree | {"seed": seed}, folder, alone=alone) for seed in seeds]
    found = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    found["sd"] = round(float(np.std([run["test"] for run in runs])), 4)
    found["seeds"] = len(seeds)
    print(tree["encode"], found, file=sys.stderr, flush=True)
    return found


def _measure(tree: dict, folder: Path, *, alone: bool) -> dict:
    config = parse_config({**tree, "cache": str(folder / "c.sqlite")}, folder=folder)
    # the same items are new, whatever the seed of the encoder
    dataset = load_dataset(config.data, weights=config.weights, seed=SEEDS[0]).dataset
    start = time.perf_counter()
    _, views = pipeline.encode(config, dataset)
    spent = time.perf_counter() - start
    best, model = _chosen(dataset, views, alone=alone)
    found = compat(model, dataset.train, dataset.test, [METRIC])
    low, high = interval(found.values[METRIC])
    order = np.random.default_rng(config.seed).permutation(len(dataset.catalog))
    shuffled = {name: view.take(order) for name, view in views.items()}
    knocked = MultimodalLinear(**best).fit(dataset.train, shuffled)
    out = compat(knocked, dataset.train, dataset.test, [METRIC])
    return {
        "test": found.means[METRIC], "low": low, "high": high,
        "content_shuffled": out.means[METRIC], "encode_s": spent,
    }  # fmt: skip


def _chosen(dataset: Dataset, views: Views, *, alone: bool) -> tuple[dict, MultimodalLinear]:
    """Return the settings best on valid; alone: l2 so large that behaviour says nothing."""
    weights = [{}]
    if len(views) == 2:
        first, second = sorted(views)
        weights = [{"weights": {first: w, second: 1 - w}} for w in (0.25, 0.5, 0.75)]
    tried = []
    for l2 in (1e6,) if alone else (50.0, 400.0):
        for content_l2 in (1.0, 5.0, 20.0, 100.0):
            for weight in weights:
                settings = {"l2": l2, "content": 1.0, "content_l2": content_l2, **weight}
                model = MultimodalLinear(**settings).fit(dataset.train, views)
                score = compat(model, dataset.train, dataset.valid, [METRIC]).means[METRIC]
                tried.append((score, settings))
    best = max(tried, key=lambda entry: entry[0])[1]
    return best, MultimodalLinear(**best).fit(dataset.train, views)


def emotify(folder: Path) -> dict:
    place = SHARED_DATA / "emotify"
    table = pl.read_parquet(place / "items.parquet")
    genres = table["genre"].to_numpy()
    emotions = _emotions(table)
    told: dict[str, Any] = {"chance": {"genre_accuracy": 0.25, "emotion_auc": 0.5}}
    for name in ("spectral", "audio_cnn", "audio_lstm"):
        rows = []
        for seed in SEEDS if name in TRAINED else SEEDS[:1]:
            config = _music(folder, name, seed)
            dataset = load_dataset(config.data, weights=config.weights, seed=seed).dataset
            vectors = pipeline.encode(config, dataset)[1]["audio"].vectors[: len(table)]
            rows.append(_probe(vectors, genres, emotions))
        accuracy, auc = np.mean(rows, axis=0)
        told[name] = {
            "genre_accuracy": round(float(accuracy), 3),
            "emotion_auc": round(float(auc), 3),
        }
        print(name, told[name], file=sys.stderr, flush=True)
    return told


def _music(folder: Path, use: str, seed: int) -> Config:
    data = {"path": str(SHARED_DATA / "emotify"), "audio": "audio"}
    tree = {"seed": seed, "data": data, "encode": {"audio": {"use": use}}}
    return parse_config({**tree, "cache": str(folder / "c.sqlite")}, folder=folder)


def _emotions(table: pl.DataFrame) -> dict[str, np.ndarray]:
    """Return for each emotion which clips were felt to have it more than the median clip."""
    events = pl.read_parquet(SHARED_DATA / "emotify" / "interactions.parquet")
    names = [n for n in events.columns if events[n].dtype.is_integer()]
    names = [n for n in names if n not in ("user_id", "item_id", "mood", "liked", "disliked")]
    names = [n for n in names if events[n].drop_nulls().is_in([0, 1]).all()]
    shares = table.select("item_id").join(
        events.group_by("item_id").agg(pl.col(names).mean()), on="item_id", how="left",
        maintain_order="left",
    )  # fmt: skip
    found = {}
    for name in names:
        values = shares[name].fill_null(0).to_numpy()
        found[name] = values > np.median(values)
    return found


def _probe(
    vectors: np.ndarray, genres: np.ndarray, emotions: Mapping[str, np.ndarray]
) -> tuple[float, float]:
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    accuracy = cross_val_score(probe, vectors, genres, cv=folds).mean()
    areas = []
    for felt in emotions.values():
        scores = cross_val_predict(probe, vectors, felt, cv=folds, method="decision_function")
        areas.append(roc_auc_score(felt, scores))
    return float(accuracy), float(np.mean(areas))


QUESTIONS = {"music": emotify, "studio": studio, "films": films}

if __name__ == "__main__":
    main()
