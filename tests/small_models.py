"""Small recommenders, and one fitted copy of each that a process's tests share."""

from collections.abc import Callable, Iterator

import numpy as np

from polyrec.artifact import part_state
from polyrec.contracts import Recommender
from polyrec.registry import find_class
from polyrec.types import Interactions, Views


def small(name: str) -> Recommender:
    """Return a recommender that fits a dozen items in a moment."""
    kind = find_class("recommend", name)
    return kind(**kind.small)


def fitted_once(train: Interactions, views: Views) -> Iterator[Callable[[str], Recommender]]:
    """Yield a function from a name to its fitted model, then check that no model was changed."""
    models: dict[str, tuple[Recommender, dict[str, bytes]]] = {}

    def fitted(name: str) -> Recommender:
        if name not in models:
            model = small(name).fit(train, views)
            models[name] = model, _arrays(model)
        return models[name][0]

    yield fitted
    changed = [name for name, (model, arrays) in models.items() if _arrays(model) != arrays]
    assert not changed, "a test changed a model that all tests share"


def _arrays(model: Recommender) -> dict[str, bytes]:
    return {
        name: np.asarray(rows).tobytes() for name, rows in part_state.dump_learned(model)[1].items()
    }
