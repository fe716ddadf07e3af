"""Which recommender a catalogue's size allows, before anything is encoded."""

from __future__ import annotations

from polyrec.compute.memory_limit import memory_limit
from polyrec.config import Config, RecommendConfig
from polyrec.contracts import ChecksSize
from polyrec.errors import FitError
from polyrec.pipeline.assemble import build_recommender
from polyrec.types import Finding

DENSE_ITEMS = 20_000
"""Items above which choosing the settings of a dense closed form takes hours."""

_DENSE_BYTES = 8  # of a dense closed form, per pair of items
_SHARE = 0.5  # of the memory that it may take; the rest is for data and features


def leaves_model_open(config: Config) -> bool:
    """Return whether the config names no recommender and none of its settings."""
    ranges = any(path.startswith("recommend.") for path in config.tune.ranges)
    named = "use" in config.recommend.model_fields_set or config.recommend.settings
    return not (ranges or named)


def sized_config(config: Config, items: int) -> Config:
    """Return the config for a catalogue of this size; raise `FitError` where its model can't fit.

    Where the model is open, a large catalogue gets `sparse_linear` in place of the dense closed
    form. The model stays open: a better baseline may still take its place.
    """
    if leaves_model_open(config) and is_large(items):
        section = RecommendConfig.model_construct(_fields_set=set(), use="sparse_linear")
        return config.model_copy(update={"recommend": section})
    recommender = build_recommender(config, {})
    if isinstance(recommender, ChecksSize):
        recommender.check_size(items)
    return config


def is_large(items: int) -> bool:
    """Return whether a catalogue is too large for the dense closed form."""
    return items > DENSE_ITEMS or _DENSE_BYTES * items**2 > _SHARE * memory_limit()


def size_findings(config: Config, items: int) -> list[Finding]:
    """Return what `polyrec check` says about the model and the size of the catalogue."""
    try:
        chosen = sized_config(config, items).recommend.use
    except FitError as error:
        return [Finding("error", str(error), 1)]
    if chosen == config.recommend.use:
        return []
    dense = _DENSE_BYTES * items**2 / 2**30
    what = (
        f"no recommender is named: {items:,} items get {chosen}, as the dense closed form would "
        f"take {dense:,.1f} GiB and hours"
    )
    return [Finding("note", what, 1, (), "name recommend.use to have another")]
