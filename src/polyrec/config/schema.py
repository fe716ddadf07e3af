"""The schema of a config: sections, keys, defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field, model_validator

from polyrec.config.data import DataConfig, Section
from polyrec.config.event_weights import EventWeights
from polyrec.config.make import validate_settings
from polyrec.errors import ConfigError

PRESETS: dict[str, dict[str, float]] = {
    "shop": {
        "view": 1, "click": 1, "cart": 2, "like": 2, "purchase": 4, "return": -2, "dislike": -2,
    },
    "social": {
        "view": 1, "like": 2, "comment": 3, "share": 4, "follow": 4, "hide": -2, "report": -4,
    },
    "media": {
        "view": 1, "play": 1, "like": 2, "finish": 3, "purchase": 4, "skip": -1, "dislike": -2,
    },
}  # fmt: skip
"""Preset -> kind of event -> weight."""


class PartConfig(BaseModel):
    """`use` names a part; the other keys are the settings of that part."""

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings of the part."""
        return dict(self.model_extra or {})


class AlignConfig(PartConfig):
    """An aligner, and the settings of `impute` if absent rows are then filled in."""

    use: str = "identity"
    impute: dict[str, Any] | None = None


class FuseConfig(PartConfig):
    """A fuser."""

    use: str = "concat"


class RecommendConfig(PartConfig):
    """A recommender; settings that are left out are chosen on valid.

    `auto` is as good as leaving it out: the size of the catalogue and valid choose.

    >>> RecommendConfig(use="auto").model_fields_set
    set()
    """

    use: str = "multimodal_linear"

    @model_validator(mode="before")
    @classmethod
    def _leave_open(cls, section: Any) -> Any:
        if isinstance(section, dict) and section.get("use") == "auto":
            return {name: value for name, value in section.items() if name != "use"}
        return section


class EncodeConfig(PartConfig):
    """An encoder, and the content that it reads (by default that of the view's name)."""

    content: str | None = None


class EvaluateConfig(Section):
    """The metrics of the report, and the protocol (docs/evaluation.md).

    Every protocol but compat determines the split; `data.split` may only name the same one, or
    `given` if the data bring it.
    """

    metrics: tuple[str, ...] = (
        "recall@10", "recall@20", "precision@20", "ndcg@10", "ndcg@20", "map@20", "mrr@20",
        "hit_rate@20", "accuracy@1", "coverage@20", "gini@20", "novelty@20", "long_tail@20",
        "diversity@20", "calibration@20",
    )  # fmt: skip
    protocol: Literal["compat", "global_time", "leave_one_out", "new_items", "next_item"] = "compat"
    select_by: str = "recall@20"


class Limits(Section):
    """Limits of one content; content beyond them goes to the quarantine list."""

    max_mb: float = Field(512, gt=0)  # of a file
    max_pixels: int = Field(64_000_000, ge=1)  # 8,000 x 8,000: above any cover
    max_seconds: float = Field(3600, gt=0)  # declared by a sound or video
    max_characters: int = Field(100_000, ge=1)  # read of a text
    timeout_s: float = Field(60, gt=0)  # to decode or fetch one content
    memory_mb: int = Field(4096, ge=256)  # of a decoding process
    hosts: tuple[str, ...] = ()  # that content may be fetched from


class EngineConfig(Section):
    """Device, precision and parallelism. 0 threads or workers: one per core.

    With `checkpoint_steps`, training saves a checkpoint every so many steps beside the bundle, and
    a run that was killed resumes from it.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    threads: int = Field(0, ge=0)
    workers: int = Field(0, ge=0)
    checkpoint_steps: int = Field(0, ge=0)


class Range(Section):
    """The range of a numeric setting; integers are drawn if the setting is an integer."""

    low: float
    high: float
    log: bool = False


class TuneConfig(Section):
    """How many trials `polyrec tune` runs; path of a setting -> its range or choices.

    >>> TuneConfig(ranges={"recommend.l2": {"low": 9, "high": 5}})
    Traceback (most recent call last):
    polyrec.errors.ConfigError: tune.ranges.recommend.l2 is empty: received 'low 9, high 5'; give \
low < high
    """

    trials: int = Field(50, ge=1)
    ranges: dict[str, Range | tuple[Any, ...]] = Field(default_factory=dict)

    @pydantic.field_validator("ranges", mode="before")
    @classmethod
    def _each(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {str(path): as_range(str(path), entry) for path, entry in value.items()}


class Config(Section):
    """One run, from data to report."""

    seed: int = Field(7, ge=0)
    preset: Literal["shop", "social", "media"] | None = None
    data: DataConfig
    encode: dict[str, EncodeConfig] = Field(default_factory=dict)
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
        """Return kind of event -> weight: the preset's, overridden by the config's own."""
        kinds = {**PRESETS.get(self.preset or "", {}), **self.data.kinds}
        return {kind: float(weight) for kind, weight in kinds.items()}

    @property
    def event_weights(self) -> EventWeights:
        """Return the rule for the weight of an event."""
        return EventWeights(self.weights, self.data.min_rating)


def as_range(path: str, value: object) -> Range | tuple[Any, ...]:
    """Return an entry of `tune.ranges`: a range from low to high, or a tuple of choices."""
    where = f"tune.ranges.{path}"
    if isinstance(value, Range):
        return value
    if isinstance(value, Mapping):
        parsed: Range = validate_settings(Range, value, where=where)
        ends = f"low {parsed.low:g}, high {parsed.high:g}"
        if not parsed.low < parsed.high:
            raise ConfigError(f"{where} is empty", received=ends, remedy="give low < high")
        if parsed.log and parsed.low <= 0:
            remedy = "give low > 0, or leave log out"
            raise ConfigError(f"{where} can't be logarithmic", received=ends, remedy=remedy)
        return parsed
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        remedy = "give {low: ..., high: ...} or a list of values"
        raise ConfigError(f"{where} is empty", received=value, remedy=remedy)
    return tuple(value)
