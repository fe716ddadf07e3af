"""The `data` section of a config: which files, their format, how they are cleaned."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

IN_MEMORY = "frames"
"""The `data.use` of data sets that were made from frames in memory."""

EVERY_FILE = "*"
"""The key of `data.dialect` for files without a dialect of their own."""


class Section(BaseModel):
    """A section of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitConfig(Section):
    """How events are split into train, valid and test.

    `auto` is the split of `evaluate.protocol`. With compat that is the split of the data if there
    is one, else per user in time, else per user at random.
    """

    use: Literal[
        "auto", "given", "random", "leave_one_out", "user_time", "global_time", "new_items",
        "next_item",
    ] = "auto"  # fmt: skip
    valid: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)


class MinEvents(Section):
    """The k-core: keep users with so many different items, and items with so many users."""

    user: int = Field(1, ge=1)
    item: int = Field(1, ge=1)


class MaxMissing(Section):
    """The shares of events without user or item, and of media files, that may be missing.

    More is an error, with its likely cause.
    """

    events: float = Field(0.1, ge=0, le=1)
    media: float = Field(0.5, ge=0, le=1)


class DialectConfig(Section):
    """The format of text tables; what is left out is detected, and shown by `polyrec check`.

    `quote: ""` means that quotes are ordinary characters. `header` names the columns of a file
    without a header row.
    """

    separator: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    quote: str | None = Field(None, max_length=1)
    decimal: Literal[".", ","] | None = None
    header: tuple[str, ...] = ()

    @pydantic.field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError("use a name such as utf-8, cp1252 or gb18030") from None
        return value


class DataConfig(Section):
    """Where the data are, the names of their columns, and how they are cleaned.

    `interactions`, `items` and `users` name the files of the `folder` reader. The rows of several
    files of interactions are joined; as a mapping, they are file -> the kind of its events. Several
    files of items are joined on the item's id. `columns` maps our names (user, item, time, rating,
    weight, kind, split, title) to those of the source; nothing is guessed. A list of names is for
    files that differ: each file uses the first name that it has. Further keys name columns of
    metadata (categories, labels, brand, price, numbers, added, description) and of users
    (user_labels). `dialect` is for all text tables, or maps file names to dialects. `media_root` is
    the folder that media paths are relative to. `features` maps a modality to an npy file; its row
    i is row i of the items. `texts` maps the names of further texts, each a view of its own, to
    columns. Of a user's repeated events on an item, `repeats` keeps the latest of each kind, or all
    of them (under the protocol next_item).
    """

    use: str = "folder"
    path: Path
    interactions: tuple[str, ...] | dict[str, str] = ()
    items: tuple[str, ...] = ()
    users: str | None = None
    dialect: dict[str, DialectConfig] = {}
    columns: dict[str, tuple[str, ...]] = {}
    time_format: str | None = None
    media_root: Path | None = None
    text: tuple[str, ...] = ()
    texts: dict[str, tuple[str, ...]] = {}
    image: str | None = None
    audio: str | None = None
    video: str | None = None
    features: dict[str, str] = {}
    kinds: dict[str, float] = {}
    min_rating: float | None = None
    repeats: Literal["latest", "all"] = "latest"
    min_events: MinEvents = MinEvents()
    max_missing: MaxMissing = MaxMissing()
    split: SplitConfig = SplitConfig()

    @pydantic.model_validator(mode="before")
    @classmethod
    def _default_path(cls, tree: object) -> object:
        """Default `path` to the folder of the config if `interactions` names a file."""
        if isinstance(tree, Mapping) and "interactions" in tree:
            return {"path": Path(), **tree}
        return tree

    @pydantic.field_validator("interactions", "text", "items", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else () if value is None else value

    @pydantic.field_validator("texts")
    @classmethod
    def _new_names(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if taken := sorted({"text", "image", "audio", "video"} & set(value)):
            raise ValueError(f"give the text another name than {taken[0]}")
        return value

    @pydantic.field_validator("columns", "texts", mode="before")
    @classmethod
    def _one_or_many_columns(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {k: (v,) if isinstance(v, str) else v for k, v in value.items()}

    @pydantic.field_validator("dialect", mode="before")
    @classmethod
    def _dialect_by_file(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        by_file = all(isinstance(v, Mapping | DialectConfig) for v in value.values())
        return value if by_file else {EVERY_FILE: value}
