"""The search space of a study: what the model declares and what the config adds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from polyrec.config import Config, PartConfig, Range, as_range, make_part, validate_settings
from polyrec.contracts import Recommender, Tunable
from polyrec.errors import ConfigError, nearest
from polyrec.registry import find_class
from polyrec.types import Views

_ROOMS = ("align", "fuse", "recommend")


@dataclass(frozen=True)
class TunedSetting:
    """A setting and the values that it may take.

    >>> TunedSetting("recommend.l2", Range(low=10, high=20)).encode(15)
    15
    """

    path: str  # in the config
    domain: Range | tuple[Any, ...]
    is_integer: bool = False
    untuned: Any = None  # its value without tuning

    @property
    def labels(self) -> list[str]:
        """Return the choices as JSON: Optuna stores no lists or mappings."""
        choices = self.domain if isinstance(self.domain, tuple) else ()
        return [_label(choice) for choice in choices]

    @property
    def distribution(self) -> BaseDistribution:
        """Return the domain as Optuna has it."""
        if isinstance(self.domain, tuple):
            return CategoricalDistribution(self.labels)
        low, high, log = self.domain.low, self.domain.high, self.domain.log
        if self.is_integer:
            return IntDistribution(int(low), int(high), log=log)
        return FloatDistribution(low, high, log=log)

    def encode(self, value: Any) -> Any:
        """Return a value as Optuna stores it, or None where the domain lacks it."""
        if isinstance(self.domain, tuple):
            label = _label(value)
            return label if label in self.labels else None
        if not isinstance(value, int | float):
            return None
        return value if self.domain.low <= value <= self.domain.high else None

    def decode(self, stored: Any) -> Any:
        """Return the value that Optuna stores as `stored`."""
        if isinstance(self.domain, tuple):
            return self.domain[self.labels.index(stored)]
        return stored


@dataclass(frozen=True)
class _Field:
    """A setting of a part of the config."""

    part: type
    name: str
    hint: Any
    value: Any


def settings_to_tune(config: Config, model: Recommender, items: Views) -> list[TunedSetting]:
    """Return the search space: the model's open settings, then those that `tune.ranges` names.

    A `Tunable` model declares `ranges(items)`, or else the candidates of its `search_space(items)`.
    A setting under `recommend` is fixed, unless `tune.ranges` names it. A path that no part has, or
    a value that does not fit, raises `ConfigError`.
    """
    fields = dict(_fields(config))
    fixed = config.recommend.settings
    domains = {
        f"recommend.{name}": as_range(f"recommend.{name}", domain)
        for name, domain in declared_domains(model, items).items()
        if name.partition(".")[0] not in fixed
    }
    for path, domain in config.tune.ranges.items():
        # a mapping and its entries can't both be chosen
        domains = {
            other: own
            for other, own in domains.items()
            if not _within(other, path) and not _within(path, other)
        }
        domains[path] = domain
    if not domains:
        raise ConfigError(
            "there is nothing to tune",
            received=config.recommend.use,
            remedy="name settings under tune.ranges, or leave some of recommend's open",
        )
    return [_setting(path, domain, fields) for path, domain in domains.items()]


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """Return the config with the settings at their paths, validated.

    Where the part itself is chosen (`align.use`), it gets only the settings that it has.
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
    tuned: Config = validate_settings(Config, tree)
    return tuned


def _setting(
    path: str, domain: Range | tuple[Any, ...], fields: Mapping[str, _Field]
) -> TunedSetting:
    """Return one setting, its range checked against the field that it belongs to."""
    owner = next((head for head in fields if head == path or _is_entry(head, path, fields)), None)
    if owner is None:
        remedy = nearest(path, fields)
        raise ConfigError("tune.ranges: no such setting", received=path, remedy=remedy)
    field = fields[owner]
    untuned = field.value
    for name in path[len(owner) + 1 :].split(".") if path != owner else ():
        untuned = untuned.get(name) if isinstance(untuned, Mapping) else None
    values = domain if isinstance(domain, tuple) else (domain.low, domain.high)
    for value in values if path == owner else ():
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
    is_integer = path == owner and field.hint in (int, int | None) and isinstance(domain, Range)
    return TunedSetting(path, domain, is_integer=is_integer, untuned=untuned)


def _within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")


def _is_entry(head: str, path: str, fields: Mapping[str, _Field]) -> bool:
    """Return whether a path names an entry of the setting `head`, a mapping."""
    return _within(path, head) and "dict" in str(fields[head].hint)


def _label(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def declared_domains(model: Recommender, items: Views) -> dict[str, Any]:
    """Return setting -> range or choices, as the model declares them."""
    if not isinstance(model, Tunable):
        return {}
    candidates = {
        name: list(choices)
        for stage in model.search_space(items)
        for name, choices in stage.items()
    }
    ranges = dict(model.ranges(items))
    heads = {name.partition(".")[0] for name in ranges}
    return {name: choices for name, choices in candidates.items() if name not in heads} | ranges


def _parts(config: Config) -> Iterator[tuple[str, str, PartConfig]]:
    """Yield path, room and config of every part."""
    for room in _ROOMS:
        yield room, room, getattr(config, room)
    for name, part in config.encode.items():
        yield f"encode.{name}", "encode", part


def _fields(config: Config) -> Iterator[tuple[str, _Field]]:
    """Yield the path of every setting of the config's parts and of those that may be chosen."""
    for path, room, part in _parts(config):
        choices = config.tune.ranges.get(f"{path}.use", ())
        for use in (*(choices if isinstance(choices, tuple) else ()), part.use):
            kind = find_class(room, str(use))
            for name, hint in _hints(kind).items():
                default = kind.__dataclass_fields__[name].default  # type: ignore[attr-defined]
                value = part.settings.get(name, default)
                yield f"{path}.{name}", _Field(kind, name, hint, value)
        if room != "recommend":  # recommenders have ranges of their own: tune them one by one
            yield f"{path}.use", _Field(Config, "use", str, part.use)
    yield "align.impute", _Field(Config, "impute", dict[str, Any], config.align.impute)


def _hints(part: type) -> dict[str, Any]:
    hints = get_type_hints(part)
    return {f.name: hints[f.name] for f in dataclasses.fields(part) if f.init}
