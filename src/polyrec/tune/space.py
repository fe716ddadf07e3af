"""Which settings may take which values: what the model declares, and what the config says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from polyrec.config import Config, PartConfig, Range, as_range, make_part, validate_settings
from polyrec.contracts import Recommender, Tunable
from polyrec.errors import ConfigError, nearest
from polyrec.registry import find_class
from polyrec.types import Views

_ROOMS = ("align", "fuse", "recommend")


@dataclass(frozen=True)
class TunedSetting:
    """One setting that is looked for.

    >>> TunedSetting("recommend.l2", Range(low=10, high=20), now=15).start
    15
    """

    path: str  # in the config
    where: Range | tuple[Any, ...]
    whole: bool = False  # only whole numbers fit
    now: Any = None  # its value without tuning

    @property
    def labels(self) -> list[str]:
        """Return the choices as JSON: a study keeps no lists or mappings."""
        choices = self.where if isinstance(self.where, tuple) else ()
        return [_label(choice) for choice in choices]

    @property
    def start(self) -> Any:
        """Return the value without tuning as a study keeps it, or None where it is out of reach."""
        if isinstance(self.where, tuple):
            return _label(self.now) if _label(self.now) in self.labels else None
        within = isinstance(self.now, int | float) and self.where.low <= self.now <= self.where.high
        return self.now if within else None

    def draw(self, trial: Any) -> Any:
        """Return the value that an Optuna trial suggests."""
        if isinstance(self.where, tuple):
            label = trial.suggest_categorical(self.path, self.labels)
            return self.where[self.labels.index(label)]
        low, high, log = self.where.low, self.where.high, self.where.log
        if self.whole:
            return trial.suggest_int(self.path, int(low), int(high), log=log)
        return trial.suggest_float(self.path, low, high, log=log)


@dataclass(frozen=True)
class _Field:
    """A setting that a part of the config has."""

    part: type
    name: str
    hint: Any
    now: Any


def settings_to_tune(config: Config, model: Recommender, items: Views) -> list[TunedSetting]:
    """Return what is looked for: the model's open settings, then what `tune.ranges` names.

    A model declares `ranges(items)` (setting -> range or choices, as in a config), or else the
    candidates of its `search_space(items)`. What `recommend` gives is kept, unless `tune.ranges`
    names it. A path that no part has, or a value that does not fit, raises `ConfigError`.
    """
    fields = dict(_fields(config))
    fixed = config.recommend.settings
    found = {
        f"recommend.{name}": as_range(f"recommend.{name}", given)
        for name, given in _declared(model, items).items()
        if name.partition(".")[0] not in fixed
    }
    for path, where in config.tune.ranges.items():
        # to choose a mapping and its entries, too, would be to choose twice
        found = {p: w for p, w in found.items() if not _within(p, path) and not _within(path, p)}
        found[path] = where
    if not found:
        raise ConfigError(
            "there is nothing to tune",
            received=config.recommend.use,
            remedy="name settings under tune.ranges, or leave some of recommend's open",
        )
    return [_setting(path, where, fields) for path, where in found.items()]


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """Return the config with settings put in at their paths, checked again.

    Where the part itself is drawn (`align.use`), it gets only those settings that it has.
    """
    tree = config.model_dump(mode="json")
    for path, value in settings.items():
        *parents, name = path.split(".")
        section = tree
        for parent in parents:
            if section.get(parent) is None:
                section[parent] = {}
            section = section[parent]
        section[name] = value
    for path, room, part in _parts(config):
        if f"{path}.use" in settings:
            section = tree["encode"][path.partition(".")[2]] if room == "encode" else tree[room]
            own = {*_hints(find_class(room, section["use"])), *type(part).model_fields}
            for name in set(section) - own:
                del section[name]
    changed: Config = validate_settings(Config, tree)
    return changed


def _setting(
    path: str, where: Range | tuple[Any, ...], fields: Mapping[str, _Field]
) -> TunedSetting:
    """Return one setting, its range checked against the field that it belongs to."""
    owner = next((head for head in fields if head == path or _leads(head, path, fields)), None)
    if owner is None:
        remedy = nearest(path, fields)
        raise ConfigError("tune.ranges: no such setting", received=path, remedy=remedy)
    field = fields[owner]
    now = field.now
    for name in path[len(owner) + 1 :].split(".") if path != owner else ():
        now = now.get(name) if isinstance(now, Mapping) else None
    ends = where if isinstance(where, tuple) else (where.low, where.high)
    for value in ends if path == owner else ():
        if field.name == "use":
            if not isinstance(value, str):
                remedy = "give a list of names"
                raise ConfigError(f"tune.ranges.{path}: parts have names", received=value,
                                  remedy=remedy)  # fmt: skip
            find_class(path.partition(".")[0], value)
        elif field.part is not Config:
            make_part(
                field.part, {field.name: value}, where=f"tune.ranges.{path.rpartition('.')[0]}"
            )
    whole = path == owner and field.hint in (int, int | None) and isinstance(where, Range)
    return TunedSetting(path, where, whole=whole, now=now)


def _within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")


def _leads(head: str, path: str, fields: Mapping[str, _Field]) -> bool:
    """Return whether a path names an entry of a setting that is a mapping."""
    return _within(path, head) and "dict" in str(fields[head].hint)


def _label(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _declared(model: Recommender, items: Views) -> dict[str, Any]:
    """Return setting -> range or choices, as the model tells them."""
    found: dict[str, Any] = {}
    if not isinstance(model, Tunable):
        return found
    for stage in model.search_space(items):
        found |= {name: list(choices) for name, choices in stage.items()}
    ranges = dict(model.ranges(items))
    heads = {name.partition(".")[0] for name in ranges}
    return {name: given for name, given in found.items() if name not in heads} | ranges


def _parts(config: Config) -> Iterator[tuple[str, str, PartConfig]]:
    """Yield path, room and config of every part."""
    for room in _ROOMS:
        yield room, room, getattr(config, room)
    for name, part in config.encode.items():
        yield f"encode.{name}", "encode", part


def _fields(config: Config) -> Iterator[tuple[str, _Field]]:
    """Yield the path of every setting that the config's parts, or those to be drawn, have."""
    for path, room, part in _parts(config):
        drawn = config.tune.ranges.get(f"{path}.use", ())
        for use in (*(drawn if isinstance(drawn, tuple) else ()), part.use):
            found = find_class(room, str(use))
            for name, hint in _hints(found).items():
                default = found.__dataclass_fields__[name].default  # type: ignore[attr-defined]
                now = part.settings.get(name, default)
                yield f"{path}.{name}", _Field(found, name, hint, now)
        if room != "recommend":  # recommenders have ranges of their own: tune them one by one
            yield f"{path}.use", _Field(Config, "use", str, part.use)
    yield "align.impute", _Field(Config, "impute", dict[str, Any], config.align.impute)


def _hints(part: type) -> dict[str, Any]:
    hints = get_type_hints(part)
    return {f.name: hints[f.name] for f in dataclasses.fields(part) if f.init}
