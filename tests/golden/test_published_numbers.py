"""Numbers on public data sets, compat protocol, reproduced to the last digit that is given.

Sources: the data sets' own splits; figures measured with settings chosen on valid (docs/data.md).
"""

from pathlib import Path

import numpy as np
import pytest

from polyrec import recommend
from polyrec.config import DataConfig
from polyrec.data.load import Dataset, load_dataset
from polyrec.encode.features import Features
from polyrec.evaluate.protocols import evaluate_top_k

pytestmark = pytest.mark.shared_data
METRICS = ["recall@20", "ndcg@20"]


def reached(model: object, dataset: Dataset, views: dict) -> tuple[float, float]:
    fitted = model.fit(dataset.train, views)
    means = evaluate_top_k(fitted, dataset.train, dataset.test, METRICS).means
    return means["recall@20"], means["ndcg@20"]


def data(folder: Path, name: str, **options: object) -> tuple[Dataset, dict]:
    dataset = load_dataset(DataConfig(path=folder / name, **options), weights={}, seed=0)
    views = {}
    for view, rows in dataset.catalog.contents.items():
        views[view] = Features().fit(rows, dataset.train).encode(rows)
    return dataset, views


def test_lastfm(shared_data: Path) -> None:
    found = data(shared_data, "lastfm2k_mm", features={"text": "text_feat.npy"})
    assert reached(recommend.EASE(l2=100), *found) == pytest.approx((0.3955, 0.2711), abs=1e-4)
    assert reached(recommend.ItemKNN(shrink=10), *found) == pytest.approx(
        (0.3618, 0.2488), abs=5e-4
    )
    linear = recommend.MultimodalLinear(l2=200, content=1.25, content_l2=5)
    assert reached(linear, *found) == pytest.approx((0.4257, 0.2900), abs=5e-4)


def test_tiktok(shared_data: Path) -> None:
    found = data(shared_data, "tiktok", features={"image": "image_feat.npy"})
    walk = recommend.RP3Beta(alpha=0.8, beta=0)
    assert reached(walk, *found) == pytest.approx((0.0936, 0.0410), abs=5e-4)
    assert reached(recommend.Popular(), *found) == pytest.approx((0.0596, 0.0254), abs=5e-4)


def test_movielens(shared_data: Path) -> None:
    dataset, _ = data(shared_data, "movielens_small_mm", min_rating=4)
    # the figures take every rated film as a positive of train, and ratings from 4 as relevant
    train = dataset.train
    everything = type(train)(
        train.users, train.items, train.times, np.ones_like(train.weights), train.kinds, train.shape
    )
    model = recommend.EASE(l2=100).fit(everything, {})
    means = evaluate_top_k(model, everything, dataset.test, METRICS).means
    assert (means["recall@20"], means["ndcg@20"]) == pytest.approx((0.1396, 0.0769), abs=1e-4)


def test_amazon_baby(shared_data: Path) -> None:
    found = data(shared_data, "amazon_baby")
    assert reached(recommend.ItemKNN(shrink=100), *found) == pytest.approx(
        (0.0834, 0.0404), abs=1e-4
    )
    assert reached(recommend.EASE(l2=400), *found) == pytest.approx((0.0825, 0.0396), abs=1e-4)
    assert reached(recommend.Popular(), *found) == pytest.approx((0.0495, 0.0212), abs=5e-4)
