"""What a config may hold: sections, their keys, their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from polyrec.config.event_weights import EventWeights
from polyrec.config.make import validate_settings
from polyrec.errors import ConfigError

PRESETS: dict[str, dict[str, float]] = {
    "shop": {
        "view": 1,
        "click": 1,
        "cart": 2,
        "like": 2,
        "purchase": 4,
        "return": -2,
        "dislike": -2,
    },
    "social": {
        "view": 1,
        "like": 2,
        "comment": 3,
        "share": 4,
        "follow": 4,
        "hide": -2,
        "report": -4,
    },
    "media": {
        "view": 1,
        "play": 1,
        "like": 2,
        "finish": 3,
        "purchase": 4,
        "skip": -1,
        "dislike": -2,
    },
}
"""What one event of each kind is worth, by the preset's name."""


class Section(BaseModel):
    """A part of the file in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PartConfig(BaseModel):
    """`use` names a part; the other keys are that part's own fields."""

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str

    @property
    def settings(self) -> dict[str, Any]:
        """Return the part's own settings."""
        return dict(self.model_extra or {})


class AlignConfig(PartConfig):
    """An aligner, and how rows that items lack are then filled in (settings of `impute`)."""

    use: str = "identity"
    impute: dict[str, Any] | None = None


class FuseConfig(PartConfig):
    """A fuser."""

    use: str = "concat"


class RecommendConfig(PartConfig):
    """A recommender; what it leaves open is chosen on valid."""

    use: str = "multimodal_linear"


class EncodeConfig(PartConfig):
    """An encoder, and the content that it reads (by default the view's own name)."""

    content: str | None = None


class SplitConfig(Section):
    """How behaviour is parted into train, valid and test.

    `auto` takes the split that `evaluate.protocol` stands for; with compat, the one that the data
    bring; else per user in time; else at random per user.
    """

    use: Literal[
        "auto", "given", "random", "leave_one_out", "user_time", "global_time", "new_items"
    ] = "auto"
    valid: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)


class MinEvents(Section):
    """Keep users and items with at least so many distinct partners (the k-core)."""

    user: int = Field(1, ge=1)
    item: int = Field(1, ge=1)


class DataConfig(Section):
    """Where the data lie, how their columns are called, and how they are cleaned.

    `columns` maps our names (user, item, time, rating, kind, split, title) to the source's, never
    guessed. `features` maps a modality to its npy file, row i being row i of the items.
    """

    use: str = "folder"
    path: Path
    columns: dict[str, str] = {}
    text: tuple[str, ...] = ()
    image: str | None = None
    audio: str | None = None
    video: str | None = None
    features: dict[str, str] = {}
    kinds: dict[str, float] = {}
    min_rating: float | None = None
    min_events: MinEvents = MinEvents()
    split: SplitConfig = SplitConfig()

    @pydantic.field_validator("text", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class EvaluateConfig(Section):
    """Which figures the report holds, and how they come about (docs/evaluation.md).

    Each protocol but compat decides the split; `data.split` may only say the same, or `given` where
    the data bring such a split.
    """

    metrics: tuple[str, ...] = (
        "recall@10", "recall@20", "precision@20", "ndcg@10", "ndcg@20", "map@20", "mrr@20",
        "hit_rate@20", "accuracy@1", "coverage@20", "gini@20", "novelty@20", "long_tail@20",
        "diversity@20", "calibration@20",
    )  # fmt: skip
    protocol: Literal["compat", "global_time", "leave_one_out", "new_items"] = "compat"
    select_by: str = "recall@20"


class Limits(Section):
    """What one content may cost; what goes beyond is put on the quarantine list."""

    max_mb: float = Field(512, gt=0)  # of a file
    max_pixels: int = Field(64_000_000, ge=1)  # 8,000 x 8,000: above any cover
    max_seconds: float = Field(3600, gt=0)  # that a sound or video declares
    max_characters: int = Field(100_000, ge=1)  # of a text that are read
    timeout_s: float = Field(60, gt=0)  # to decode one content, or to fetch it
    memory_mb: int = Field(4096, ge=256)  # of a process that decodes
    hosts: tuple[str, ...] = ()  # from which content may be fetched


class EngineConfig(Section):
    """Where work runs. 0 threads or workers: as many as there are cores.

    With `checkpoint_steps`, trainings keep their state every so many steps, beside the bundle to
    be, and a run that was killed goes on from there.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    threads: int = Field(0, ge=0)
    workers: int = Field(0, ge=0)
    checkpoint_steps: int = Field(0, ge=0)


class Range(Section):
    """Where a number is looked for; whole numbers where the setting is one."""

    low: float
    high: float
    log: bool = False


class TuneConfig(Section):
    """How long `polyrec tune` looks, and where: path of a setting -> its range or its choices.

    >>> TuneConfig(ranges={"recommend.l2": {"low": 9, "high": 5}})
    Traceback (most recent call last):
    polyrec.errors.ConfigError: tune.ranges.recommend.l2 is empty: received 'low 9, high 5'; give \
low < high
    """

    trials: int = Field(50, ge=1)
    ranges: dict[str, Range | tuple[Any, ...]] = {}

    @pydantic.field_validator("ranges", mode="before")
    @classmethod
    def _each(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {str(path): as_range(str(path), given) for path, given in value.items()}


class Config(Section):
    """One run, from data to report."""

    seed: int = Field(7, ge=0)
    preset: Literal["shop", "social", "media"] | None = None
    data: DataConfig
    encode: dict[str, EncodeConfig] = {}
    align: AlignConfig = AlignConfig()
    fuse: FuseConfig = FuseConfig()
    recommend: RecommendConfig = RecommendConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    tune: TuneConfig = TuneConfig()
    media: Limits = Limits()
    engine: EngineConfig = EngineConfig()
    cache: Path = Path("~/.cache/polyrec/features.sqlite")

    @property
    def weights(self) -> dict[str, float]:
        """Return what one event of each kind is worth: the preset's, then the config's own."""
        kinds = {**PRESETS.get(self.preset or "", {}), **self.data.kinds}
        return {kind: float(weight) for kind, weight in kinds.items()}

    @property
    def event_weights(self) -> EventWeights:
        """Return what an event weighs."""
        return EventWeights(self.weights, self.data.min_rating)


def as_range(path: str, given: object) -> Range | tuple[Any, ...]:
    """Return where a setting is looked for: from low to high, or among several values."""
    where = f"tune.ranges.{path}"
    if isinstance(given, Range):
        return given
    if isinstance(given, Mapping):
        found: Range = validate_settings(Range, given, where=where)
        ends = f"low {found.low:g}, high {found.high:g}"
        if not found.low < found.high:
            raise ConfigError(f"{where} is empty", received=ends, remedy="give low < high")
        if found.log and found.low <= 0:
            remedy = "give low > 0, or leave log out"
            raise ConfigError(f"{where} has no logarithm", received=ends, remedy=remedy)
        return found
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        remedy = "give {low: ..., high: ...} or a list of values"
        raise ConfigError(f"{where} is empty", received=given, remedy=remedy)
    return tuple(given)
