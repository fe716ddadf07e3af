"""Sample users for the report: their histories and recommendations."""

from __future__ import annotations

import numpy as np

from polyrec.data.load import Dataset
from polyrec.errors import MediaError
from polyrec.evaluate.protocols import Evaluation
from polyrec.evaluate.report import SampleItem, SampleUser
from polyrec.media.probe import THUMBNAILS
from polyrec.types import Catalog

_USERS, _ITEMS = 6, 10
_METRICS = ("recall@20", "ndcg@20")


def draw_samples(dataset: Dataset, evaluation: Evaluation, *, seed: int) -> list[SampleUser]:
    """Return up to six evaluated users, drawn at random."""
    generator = np.random.default_rng(seed)
    count = len(evaluation.users)
    drawn = np.sort(generator.choice(count, size=min(_USERS, count), replace=False))
    return [_sample(dataset, evaluation, int(row)) for row in drawn]


def _sample(dataset: Dataset, evaluation: Evaluation, row: int) -> SampleUser:
    user = int(evaluation.users[row])
    listed = evaluation.ranking.items[row, :_ITEMS]
    hits = evaluation.hits[row, :_ITEMS]
    history = dataset.train.histories([user]).items[-_ITEMS:]
    metrics = {name: float(v[row]) for name, v in evaluation.values.items() if name in _METRICS}
    return SampleUser(
        user=dataset.users[user],
        history=[sample_item(dataset.catalog, int(item)) for item in history],
        recommended=[
            sample_item(dataset.catalog, int(item), hit=bool(hit))
            for item, hit in zip(listed, hits, strict=True)
            if item >= 0
        ],
        metrics=metrics,
    )


def sample_item(catalog: Catalog, item: int, *, hit: bool = False) -> SampleItem:
    """Return an item with title and small picture: its image, else a frame of its video."""
    for kind, picture in THUMBNAILS.items():
        raw = catalog.content(kind)[item]
        if raw is None or isinstance(raw, np.ndarray):
            continue
        try:
            thumbnail = picture(raw, size=160)
        except MediaError:
            continue
        return SampleItem(catalog.ids[item], catalog.titles[item], thumbnail, hit)
    return SampleItem(catalog.ids[item], catalog.titles[item], None, hit)
