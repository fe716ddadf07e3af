"""What do a generative recommender and SASRec reach on the next item, at the same effort?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.next_item [--trials 6] [--model tiger]

Amazon Office Products, protocol `next_item`: models learn from train, settings are chosen by
NDCG@10 on valid with seed 11, and test is ranked with three other seeds. Every trained model gets
as many trials, the defaults first; seconds are of the processor. Hits are counted by item, and with
items of equal code as one: the source's codes, and the model's own. Results: next_item.json.
"""

import argparse
import time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.library.data_sets import SHARED_DATA, config_path
from benchmarks.library.results import merge_results
from polyrec.config import read_config
from polyrec.data.load import Dataset, load_dataset
from polyrec.evaluate.metrics import Metric
from polyrec.evaluate.next_item import (
    Criterion,
    evaluate_split,
    mean_ranks,
    next_item_queries,
    rank_values,
)
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.recommend import ItemKNN, Popular, SASRec, Tiger
from polyrec.types import Ints, Query, Views, silent

METRICS = ("hit_rate@5", "ndcg@5", "hit_rate@10", "ndcg@10", "hit_rate@10:warm", "hit_rate@10:cold")
CHOICE = Criterion("ndcg@10", "next_item")
CHOICE_SEED, TEST_SEEDS = 11, (1, 2, 3)
SHARED = {"history": 10, "repeats": True}
CANDIDATES = (  # the same for both, but for the last two
    {},
    {"dropout": 0.5},
    {"rate": 0.002},
    {"layers": 2},
    {"weight_decay": 1.0},
)
TRAINED: dict[str, tuple[type[Any], tuple[dict[str, Any], ...]]] = {
    "sasrec": (SASRec, (*CANDIDATES, {"hide": 0.4}, {"hide": 0.0})),
    "tiger": (Tiger, (*CANDIDATES, {"size": 256}, {"levels": 2, "size": 128})),
}
PUBLISHED = {"sasrec": 0.1120, "tiger": 0.1408}  # HR@10, with about four times the train events


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=len(CANDIDATES) + 2)
    parser.add_argument("--model", choices=("popular", "item_knn", *TRAINED), default=None)
    options = parser.parse_args()
    config = read_config(config_path("amazon_office"))
    data = load_dataset(config.data, weights={}, seed=7)
    views = align_and_fuse(config, data.train, encode_dataset(config, data, progress=silent)[1])[-1]
    plain = {"popular": Popular(count="users"), "item_knn": ItemKNN()}
    for name in (options.model,) if options.model else (*plain, *TRAINED):
        if name in plain:
            merge_results("next_item", name, test(plain[name].fit(data.train, views), data))
            continue
        merge_results("next_item", name, measure(name, data, views, options.trials))


def measure(name: str, data: Dataset, views: Views, trials: int) -> dict[str, Any]:
    """Return the trials on valid, and test with the best of them."""
    kind, candidates = TRAINED[name]
    began, scores = time.process_time(), []
    for settings in candidates[:trials]:
        model = kind(**SHARED, **settings, seed=CHOICE_SEED)
        model.fit(data.train, views, valid=data.valid)
        scores.append(CHOICE.score(model, (data.train, data.valid), views))
    best = candidates[int(np.argmax(scores))]
    chosen = time.process_time() - began
    seeds, seconds = [], []
    for seed in TEST_SEEDS:
        began = time.process_time()
        model = kind(**SHARED, **best, seed=seed).fit(data.train, views, valid=data.valid)
        seconds.append(time.process_time() - began)
        seeds.append(test(model, data))
    return {
        "published_hit_rate@10": PUBLISHED[name],
        "trials": [
            {"settings": settings, "valid_ndcg@10": round(score, 4)}
            for settings, score in zip(candidates, scores, strict=False)
        ],
        "settings": {**SHARED, **best},
        "choose_s": round(chosen, 1),
        "fit_s": round(float(np.mean(seconds)), 1),
        "test": {m: round(float(np.mean([s[m] for s in seeds])), 4) for m in seeds[0]},
        "sd": {m: round(float(np.std([s[m] for s in seeds], ddof=1)), 4) for m in seeds[0]},
    }


def test(model: Any, data: Dataset) -> dict[str, float]:
    """Return the metrics on test, by item and with items of equal code as one."""
    means = evaluate_split(model, data.behaviour, "test", METRICS, protocol="next_item").means
    figures = {name: round(value, 4) for name, value in means.items()}
    groups = {"source_codes": source_codes(data)}
    if isinstance(model, Tiger):
        groups["own_codes"] = model.codes_[:, :-1]
    query, targets = next_item_queries([data.train, data.valid], data.test)
    for name, codes in groups.items():
        ranks = code_ranks(model, query, targets, codes)
        for metric in ("hit_rate@10", "ndcg@10"):
            value = float(rank_values(Metric.parse(metric), ranks).mean())
            figures[f"{metric} by {name}"] = round(value, 4)
    return figures


def source_codes(data: Dataset) -> Ints:
    """Return (n, 3) the codes that the source of the data learned."""
    frame = pl.read_parquet(SHARED_DATA / "amazon_office" / "item_codes.parquet")
    ids = pl.DataFrame({"item_id": data.catalog.ids})
    rows = ids.join(frame.with_columns(pl.col("item_id").cast(pl.String)), on="item_id", how="left",
                    maintain_order="left")  # fmt: skip
    return rows.select("a", "b", "c").to_numpy().astype(np.int64)


def code_ranks(model: Any, query: Query, targets: Ints, codes: Ints) -> np.ndarray:
    """Return (b,) the rank of the target's code, each code being at its best item."""
    _, groups = np.unique(codes, axis=0, return_inverse=True)
    groups = groups.reshape(-1)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    ranks = []
    for first in range(0, len(query), 1024):
        part = slice(first, min(first + 1024, len(query)))
        scores = np.maximum.reduceat(
            model.score(query.take(part.start, part.stop))[:, order], starts, axis=1
        )
        ranks.append(mean_ranks(scores, groups[targets[part]]))
    return np.concatenate(ranks)


if __name__ == "__main__":
    main()
