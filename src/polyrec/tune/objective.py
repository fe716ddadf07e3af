"""The objective of a study: build the recommender of a config, fit it and rank valid."""

from __future__ import annotations

import json

from polyrec.config import Config
from polyrec.contracts import Recommender, StopsOnValid
from polyrec.evaluate.next_item import Criterion
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.pipeline.size import sized_config
from polyrec.training.run_context import OnValid, RunContext, use_run
from polyrec.types import Learnable, Progress, Views


class Objective:
    """Scores configs on valid; the views of the last config are kept for the next."""

    def __init__(self, config: Config, data: Learnable, progress: Progress) -> None:
        self.config = sized_config(config, data.train.shape[1])
        self.data, self._progress = data, progress
        self._cache: dict[str, Views] = {}  # settings as JSON -> encoded or fused views

    def untuned(self) -> tuple[Recommender, Views]:
        """Return the recommender of the config, not fitted, and the views that it would read."""
        return build_recommender(self.config, {}), self._views(self.config)

    def score(
        self, config: Config, on_valid: OnValid | None = None, *, seed: int | None = None
    ) -> float:
        """Return what a config reaches on valid, by its `evaluate.select_by`.

        `on_valid` is called at each epoch of a model that stops on valid. `seed` is the model's;
        features and splits stay as they are.
        """
        views = self._views(config)
        train, valid = self.data.train, self.data.valid
        seeded = config if seed is None else config.model_copy(update={"seed": seed})
        model = build_recommender(seeded, {})
        callback = on_valid if isinstance(model, StopsOnValid) else None
        with use_run(RunContext(self._progress, on_valid=callback)):
            model = model.fit(train, views, valid=valid)
        by = Criterion(config.evaluate.select_by, config.evaluate.protocol)
        return by.score(model, (train, valid), views)

    def _views(self, config: Config) -> Views:
        encode = json.dumps(config.model_dump(mode="json", include={"encode"}))
        content = json.dumps(config.model_dump(mode="json", include={"encode", "align", "fuse"}))
        if content not in self._cache:
            encoded = self._cache.get(encode)
            if encoded is None:
                _, encoded = encode_dataset(config, self.data, progress=self._progress)
            fused = align_and_fuse(config, self.data.train, encoded)[-1]
            self._cache = {encode: encoded, content: fused}
        return self._cache[content]
