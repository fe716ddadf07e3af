"""Are items found that nobody has touched yet, among all the others?

    OMP_NUM_THREADS=1 python benchmarks/new_items.py

A fifth of the items, drawn evenly over popularity, leave train and valid wholly (a tenth more are
new to valid, where settings are chosen for them). They are ranked among all items: a model without
content can only guess. The knockout gives each item another item's content.
"""

import sys
from pathlib import Path

import numpy as np

from polyrec import pipeline
from polyrec.config import Config, read
from polyrec.data.load import load
from polyrec.evaluate.protocols import compat, interval
from polyrec.recommend.multimodal_linear import MultimodalLinear
from polyrec.recommend.popular import Popular
from polyrec.store import state
from record import record

METRICS = ["recall@20:cold", "ndcg@20:cold", "recall@20:warm", "recall@20"]


def main() -> None:
    rows = []
    for name in ("lastfm2k_mm", "movielens_small_mm"):
        overrides = [
            "data.split.use=auto",
            "evaluate.protocol=new_items",
            "evaluate.select_by=recall@20:cold",
        ]
        config = read(Path(__file__).with_name(f"{name}.yaml"), overrides=overrides)
        rows.append({"data": name, **measure(config)})
        print(rows[-1], file=sys.stderr)
    record("new_items", rows)


def measure(config: Config) -> dict:
    """Return what popularity, the chosen model, and its knockout reach on new items."""
    dataset = load(config.data, weights=config.weights, seed=config.seed).dataset
    model = pipeline.run(config).parts.recommender
    _, views = pipeline.encode(config, dataset)
    order = np.random.default_rng(config.seed).permutation(len(dataset.catalog))
    shuffled = {view: rows.take(order) for view, rows in views.items()}
    models = {
        "popular": Popular().fit(dataset.train, {}),
        "multimodal_linear": model,
        "multimodal_linear, content shuffled": MultimodalLinear(**state.settings(model)).fit(
            dataset.train, shuffled
        ),
    }
    found = {}
    for name, fitted in models.items():
        evaluation = compat(fitted, dataset.train, dataset.test, METRICS)
        found[name] = {metric: round(evaluation.means[metric], 4) for metric in METRICS}
        low, high = interval(evaluation.values[METRICS[0]])
        found[name]["interval"] = [round(low, 4), round(high, 4)]
    return {"settings": state.settings(model), **found}


if __name__ == "__main__":
    main()
