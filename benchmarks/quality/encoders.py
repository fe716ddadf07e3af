"""How much do the encoders' features say, about new items and about music?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.encoders [music studio films ...]

1. Studio data set and MovieLens: a fifth of the items leave train (a tenth more for valid) and are
   ranked among all. The recommender's settings are chosen on valid; encoders trained here have
   several seeds; the knockout gives each item another item's content.
2. MovieLens, its own split: content alone (behaviour only says what is in the user's history).
3. Emotify: a linear probe (logistic regression, 5 folds) from sound to genre and nine emotions.

4. MovieLens' posters: a linear probe (5 folds) to genres, and new films, by `descriptor` and by
   `efficientnet` (polyrec models add efficientnet).

   `tags`: the same by `musicnn` (polyrec models add musicnn), over several partitions into folds.
5. Those of `polyrec models add` beside the plain ones, on new items of Emotify, MovieLens and the
   studio data set.

Results: encoders_music.json, encoders_studio.json, encoders_films.json, encoders_posters.json,
encoders_tags.json, encoders_packaged.json.
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
from benchmarks.library.results import RESULTS, save_results, write_results
from polyrec.config import Config, parse_config
from polyrec.data.load import Dataset, load_dataset
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.evaluate.protocols import bootstrap_interval, evaluate_top_k
from polyrec.pipeline.encoding import encode_dataset
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.types import Bools, Floats, Views

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
PACKAGED = {
    "emotify": {"audio": ("spectral", "musicnn")},
    "movielens_small_mm": {
        "text": ("lsa", "minilm", "e5"),
        "image": ("descriptor", "efficientnet"),
    },
    "studio": {
        "text": ("lsa", "minilm", "e5"),
        "image": ("descriptor", "efficientnet"),
        "audio": ("spectral", "musicnn"),
        "video": ("motion", "efficientnet_frames"),
    },
}
POSTERS = ("descriptor", "efficientnet")
PROBE_C = 0.001  # standardised features of a thousand columns: strong regularisation
NEW_ITEMS = {"use": "new_items", "test": 0.2}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            save_results(f"encoders_{name}", PARTS[name](Path(folder)))


def studio(folder: Path) -> dict[str, Any]:
    """Return what each encoder reaches on new items of the studio data set."""
    generate_studio(folder / "studio", StudioSettings(items=600, users=2000))
    figures = {}
    for modality, names in STUDIO.items():
        columns = ["title", "description"] if modality == "text" else modality
        data = {"path": str(folder / "studio"), modality: columns, "split": NEW_ITEMS}
        for name in names:
            tree = {"preset": "shop", "data": data, "encode": {modality: {"use": name}}}
            seeds = SEEDS if name in TRAINED else SEEDS[:1]
            figures[f"{modality}: {name}"] = mean_over_seeds(tree, seeds, folder)
    return figures


def films(folder: Path) -> dict[str, Any]:
    """Return what encoders reach on MovieLens: on new items, and by content alone."""
    return {
        "new_items": films_of_split(folder, NEW_ITEMS),
        "content_alone": films_of_split(folder, {"use": "given"}),
    }


def films_of_split(folder: Path, split: Mapping[str, Any]) -> dict[str, Any]:
    """Return what encoders reach; only trained posters on new items are worth a second seed."""
    figures = {}
    content = {"text": ["title", "genres", "plot", "keywords"], "image": "poster"}
    for name, encoders in FILMS.items():
        data = {"path": str(SHARED_DATA / "movielens_small_mm"), "min_rating": 4, "split": split}
        data |= {modality: content[modality] for modality in encoders}
        encode = {modality: {"use": use} for modality, use in encoders.items()}
        content_alone = split["use"] == "given"
        seeds = SEEDS[:2] if name == "posters: image_cnn" and not content_alone else SEEDS[:1]
        tree = {"data": data, "encode": encode}
        figures[name] = mean_over_seeds(tree, seeds, folder, content_alone=content_alone)
    return figures


def mean_over_seeds(
    tree: dict[str, Any], seeds: Sequence[int], folder: Path, *, content_alone: bool = False
) -> dict[str, Any]:
    """Return the means over the seeds, and the standard deviation of the recall."""
    runs = [measure(tree | {"seed": seed}, folder, content_alone=content_alone) for seed in seeds]
    means = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    means["sd"] = round(float(np.std([run["test"] for run in runs])), 4)
    means["seeds"] = len(seeds)
    print(tree["encode"], means, file=sys.stderr, flush=True)
    return means


def measure(tree: dict[str, Any], folder: Path, *, content_alone: bool) -> dict[str, float]:
    """Return recall with the right and with shuffled content, and the seconds of encoding."""
    config = parse_config({**tree, "cache": str(folder / "c.sqlite")}, folder=folder)
    # the same items are new, whatever the seed of the encoder
    dataset = load_dataset(config.data, weights=config.weights, seed=SEEDS[0])
    start = time.perf_counter()
    _, views = encode_dataset(config, dataset)
    encode_s = time.perf_counter() - start
    settings = settings_best_on_valid(dataset, views, content_alone=content_alone)
    model = MultimodalLinear(**settings).fit(dataset.train, views)
    evaluation = evaluate_top_k(model, dataset.train, dataset.test, [METRIC])
    low, high = bootstrap_interval(evaluation.values[METRIC])
    order = np.random.default_rng(config.seed).permutation(len(dataset.catalog))
    shuffled = {name: view.take(order) for name, view in views.items()}
    knockout = MultimodalLinear(**settings).fit(dataset.train, shuffled)
    knockout_evaluation = evaluate_top_k(knockout, dataset.train, dataset.test, [METRIC])
    return {
        "test": evaluation.means[METRIC], "low": low, "high": high,
        "content_shuffled": knockout_evaluation.means[METRIC], "encode_s": encode_s,
    }  # fmt: skip


def settings_best_on_valid(
    dataset: Dataset, views: Views, *, content_alone: bool
) -> dict[str, Any]:
    """Return the settings best on valid; a huge l2 leaves content alone."""
    weights: list[dict[str, Any]] = [{}]
    if len(views) == 2:
        first, second = sorted(views)
        weights = [{"weights": {first: w, second: 1 - w}} for w in (0.25, 0.5, 0.75)]
    trials = []
    for l2 in (1e6,) if content_alone else (50.0, 400.0):
        for content_l2 in (1.0, 5.0, 20.0, 100.0):
            for weight in weights:
                settings = {"l2": l2, "content": 1.0, "content_l2": content_l2, **weight}
                model = MultimodalLinear(**settings).fit(dataset.train, views)
                recall = evaluate_top_k(model, dataset.train, dataset.valid, [METRIC]).means[METRIC]
                trials.append((recall, settings))
    return max(trials, key=lambda trial: trial[0])[1]


def posters(folder: Path) -> dict[str, Any]:
    """Return what encoders of posters say about genres, and about new films."""
    table = pl.read_parquet(SHARED_DATA / "movielens_small_mm" / "items.parquet")
    genres = genre_labels(table)
    figures: dict[str, Any] = {"genre_auc": {"genres": len(genres)}, "new_items": {}}
    rows: dict[str, Floats] = {}
    data = {"path": str(SHARED_DATA / "movielens_small_mm"), "min_rating": 4, "image": "poster"}
    for name in POSTERS:
        tree = {"data": {**data, "split": NEW_ITEMS}, "encode": {"image": {"use": name}}}
        config = parse_config({**tree, "cache": str(folder / "c.sqlite")}, folder=folder)
        dataset = load_dataset(config.data, weights=config.weights, seed=SEEDS[0])
        figures["new_items"][name] = mean_over_seeds(tree, SEEDS[:1], folder)
        rows[name] = encode_dataset(config, dataset)[1]["image"].vectors
        figures["genre_auc"][name] = genre_auc(rows[name], genres)
        print(name, figures["genre_auc"][name], file=sys.stderr, flush=True)
    beside = np.concatenate(list(rows.values()), axis=1)
    figures["genre_auc"][" and ".join(rows)] = genre_auc(beside, genres)
    return figures


def packaged(folder: Path) -> dict[str, Any]:
    """Return what packaged and plain encoders reach on new items; saved after each data set."""
    generate_studio(folder / "studio", StudioSettings(items=600, users=2000))
    figures: dict[str, Any] = {}
    for source, modalities in PACKAGED.items():
        tree, content = settings_of(source, folder)
        for modality, names in modalities.items():
            data = {**tree["data"], modality: content[modality], "split": NEW_ITEMS}
            for name in names:
                encode = {modality: {"use": name}}
                measured = mean_over_seeds(
                    {**tree, "data": data, "encode": encode}, SEEDS[:1], folder
                )
                figures[f"{source}, {modality}: {name}"] = measured
        write_results(RESULTS / "encoders_packaged.json", figures)
    return figures


def settings_of(source: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of a data set, and the columns that each modality reads."""
    media = {name: name for name in ("image", "audio", "video")}
    if source == "studio":
        tree = {"preset": "shop", "data": {"path": str(folder / "studio")}}
        return tree, {"text": ["title", "description"], **media}
    extra = {"columns": {"weight": "liked"}} if source == "emotify" else {"min_rating": 4}
    tree = {"data": {"use": "folder", "path": str(SHARED_DATA / source), **extra}}
    text = ["title", "genres", "plot", "keywords"]
    return tree, {"text": text, **media, "image": "poster"}


def genre_labels(table: pl.DataFrame) -> dict[str, Bools]:
    """Return genre -> which films have it, of genres with at least 50 films."""
    of_film = [set((text or "").split("|")) for text in table["genres"].to_list()]
    names = sorted(set().union(*of_film) - {"", "(no genres listed)"})
    labels = {name: np.array([name in genres for genres in of_film]) for name in names}
    return {name: has for name, has in labels.items() if has.sum() >= 50}


def genre_auc(vectors: Floats, genres: Mapping[str, Bools]) -> float:
    """Return the mean AUC over genres of a linear probe, 5 folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PROBE_C, max_iter=300))
    aucs = []
    for has in genres.values():
        scores = cross_val_predict(model, vectors, has, cv=folds, method="decision_function")
        aucs.append(roc_auc_score(has, scores))
    return round(float(np.mean(aucs)), 4)


def music(folder: Path) -> dict[str, Any]:
    """Return how well a linear probe predicts genre and emotions from each encoder's rows."""
    table = pl.read_parquet(SHARED_DATA / "emotify" / "items.parquet")
    genres = table["genre"].to_numpy()
    emotions = emotion_labels(table)
    figures: dict[str, Any] = {"chance": {"genre_accuracy": 0.25, "emotion_auc": 0.5}}
    for name in ("spectral", "audio_cnn", "audio_lstm"):
        scores = []
        for seed in SEEDS if name in TRAINED else SEEDS[:1]:
            config = music_config(folder, name, seed)
            dataset = load_dataset(config.data, weights=config.weights, seed=seed)
            vectors = encode_dataset(config, dataset)[1]["audio"].vectors[: len(table)]
            scores.append(probe(vectors, genres, emotions))
        accuracy, auc = np.mean(scores, axis=0)
        figures[name] = {
            "genre_accuracy": round(float(accuracy), 3),
            "emotion_auc": round(float(auc), 3),
        }
        print(name, figures[name], file=sys.stderr, flush=True)
    return figures


def tags(folder: Path) -> dict[str, Any]:
    """Return the probe's figures by `spectral` and `musicnn`, over five partitions into folds.

    The strength of its regularisation is chosen for each encoder on another partition.
    """
    table = pl.read_parquet(SHARED_DATA / "emotify" / "items.parquet")
    genres, emotions = table["genre"].to_numpy(), emotion_labels(table)
    figures: dict[str, Any] = {}
    for name in ("spectral", "musicnn"):
        config = music_config(folder, name, SEEDS[0])
        dataset = load_dataset(config.data, weights=config.weights, seed=SEEDS[0])
        vectors = encode_dataset(config, dataset)[1]["audio"].vectors[: len(table)]
        trials = [(sum(probe(vectors, genres, emotions, c=c, fold_seed=1)), c)
                  for c in (0.05, 0.005)]  # fmt: skip
        strength = max(trials)[1]
        scores = [probe(vectors, genres, emotions, c=strength, fold_seed=seed)
                  for seed in range(2, 7)]  # fmt: skip
        accuracy, auc = np.mean(scores, axis=0).round(4).tolist()
        figures[name] = {"genre_accuracy": accuracy, "emotion_auc": auc, "c": strength}
        print(name, figures[name], file=sys.stderr, flush=True)
    return figures


def music_config(folder: Path, use: str, seed: int) -> Config:
    """Return the config of Emotify with an encoder."""
    data = {"path": str(SHARED_DATA / "emotify"), "audio": "audio"}
    tree = {"seed": seed, "data": data, "encode": {"audio": {"use": use}}}
    return parse_config({**tree, "cache": str(folder / "c.sqlite")}, folder=folder)


def emotion_labels(table: pl.DataFrame) -> dict[str, Bools]:
    """Return emotion -> which clips more listeners felt it for than for the median clip."""
    events = pl.read_parquet(SHARED_DATA / "emotify" / "interactions.parquet")
    names = [n for n in events.columns if events[n].dtype.is_integer()]
    names = [n for n in names if n not in ("user_id", "item_id", "mood", "liked", "disliked")]
    names = [n for n in names if events[n].drop_nulls().is_in([0, 1]).all()]
    shares = table.select("item_id").join(
        events.group_by("item_id").agg(pl.col(names).mean()), on="item_id", how="left",
        maintain_order="left",
    )  # fmt: skip
    labels = {}
    for name in names:
        values = shares[name].fill_null(0).to_numpy()
        labels[name] = values > np.median(values)
    return labels


def probe(
    vectors: Floats,
    genres: np.ndarray,
    emotions: Mapping[str, Bools],
    *,
    c: float = 0.05,
    fold_seed: int = 0,
) -> tuple[float, float]:
    """Return the accuracy on genres, and the mean area under the curve on emotions."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=fold_seed)
    accuracy = cross_val_score(model, vectors, genres, cv=folds).mean()
    areas = []
    for labels in emotions.values():
        scores = cross_val_predict(model, vectors, labels, cv=folds, method="decision_function")
        areas.append(roc_auc_score(labels, scores))
    return float(accuracy), float(np.mean(areas))


PARTS = {"music": music, "studio": studio, "films": films, "posters": posters,
         "tags": tags, "packaged": packaged}  # fmt: skip

if __name__ == "__main__":
    main()
