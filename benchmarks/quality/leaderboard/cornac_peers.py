"""VBPR of the package cornac (PreferredAI; Apache-2.0) as a recommender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from cornac.data import Dataset, ImageModality
from cornac.models import VBPR

from polyrec.contracts import learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import BaseRecommender
from polyrec.types import FUSED, Floats, Interactions, Query, Views


@part
class CornacVBPR(BaseRecommender):
    """Visual BPR (He & McAuley, AAAI 2016) over the fused view of all content."""

    k: int = 32
    k2: int = 32
    epochs: int = 30
    batch: int = 100
    rate: float = 0.005
    l2: float = 0.001
    seed: int = 7

    users_: Floats = learned()  # (u, k + k2 + 1)
    items_: Floats = learned()  # (n, k + k2 + 1)

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the ranges for `polyrec tune`."""
        return {
            "rate": {"low": 0.001, "high": 0.02, "log": True},
            "l2": {"low": 1e-4, "high": 0.1, "log": True},
            "epochs": [20, 50, 100],
        }

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:  # noqa: ARG002
        if FUSED not in items:
            raise FitError("VBPR needs content", received="no views", remedy="use another model")
        pairs = train.positives().tocoo()
        triples = [(int(u), int(i), 1.0) for u, i in zip(*pairs.coords, strict=True)]
        users, count = train.shape
        data = Dataset(
            users, count, {u: u for u in range(users)}, {i: i for i in range(count)},
            tuple(np.array(column) for column in zip(*triples, strict=True)), seed=self.seed,
        )  # fmt: skip
        data.add_modalities(item_image=_modality(items[FUSED].vectors))
        model = VBPR(
            k=self.k, k2=self.k2, n_epochs=self.epochs, batch_size=self.batch,
            learning_rate=self.rate, lambda_w=self.l2, lambda_b=self.l2, lambda_e=0.0,
            verbose=False, seed=self.seed,
        )  # fmt: skip
        model.fit(data)
        self.users_ = np.hstack([model.gamma_user, model.theta_user, np.ones((users, 1))])
        visual = model.visual_bias.reshape(-1, 1) + model.beta_item.reshape(-1, 1)
        self.items_ = np.hstack([model.gamma_item, model.theta_item, visual])

    def _score(self, query: Query) -> Floats:
        scores: Floats = np.asarray(self.users_[query.users] @ self.items_.T, np.float32)
        scores[query.users < 0] = self.popularity_
        return scores


def _modality(rows: Floats) -> Any:
    modality = ImageModality(features=np.asarray(rows, np.float32), ids=list(range(len(rows))),
                             normalized=True)  # fmt: skip
    modality.build(id_map={i: i for i in range(len(rows))})
    return modality
