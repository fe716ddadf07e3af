"""What trials have in common: they make a recommender of a config and ask it for valid."""

from __future__ import annotations

import json
from collections.abc import Callable

from polyrec.config import Config
from polyrec.contracts import Recommender, StopsOnValid
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.training.run_context import RunContext, use_run
from polyrec.types import Learnable, Progress, Views

Watched = Callable[[int, float], None]


class Objective:
    """Makes a recommender of a config and asks it for valid; what stays the same is kept."""

    def __init__(self, config: Config, data: Learnable, progress: Progress) -> None:
        self.config, self._data, self._progress = config, data, progress
        self._kept: dict[str, Views] = {}  # the last of each stage

    def first(self) -> tuple[Recommender, Views]:
        """Return the recommender of the config, not fitted, and the views that it would read."""
        return build_recommender(self.config, {}), self._views(self.config)

    def score(
        self, config: Config, watched: Watched | None = None, *, seed: int | None = None
    ) -> float:
        """Return what a config reaches on valid; `watched` is told what a training model does.

        `seed` is the model's; features and splits stay as they are.
        """
        views = self._views(config)
        train, valid = self._data.train, self._data.valid
        seeded = config if seed is None else config.model_copy(update={"seed": seed})
        model = build_recommender(seeded, {})
        watching = watched if isinstance(model, StopsOnValid) else None
        with use_run(RunContext(self._progress, watched=watching)):
            model = model.fit(train, views, valid=valid)
        by = config.evaluate.select_by
        reached: float = evaluate_top_k(model, train, valid, [by], views=views).means[by]
        return reached

    def _views(self, config: Config) -> Views:
        encode = json.dumps(config.model_dump(mode="json", include={"encode"}))
        whole = json.dumps(config.model_dump(mode="json", include={"encode", "align", "fuse"}))
        if whole not in self._kept:
            encoded = self._kept.get(encode)
            if encoded is None:
                _, encoded = encode_dataset(config, self._data, progress=self._progress)
            aligned = align_and_fuse(config, self._data.train, encoded)[-1]
            self._kept = {encode: encoded, whole: aligned}
        return self._kept[whole]
