"""Make a part from settings that are validated against its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

import pydantic
from pydantic import BaseModel, ConfigDict

from polyrec.errors import ConfigError, nearest

P = TypeVar("P")


def make_part(
    part: type[P],
    settings: Mapping[str, Any],
    *,
    where: str,
    shared: Mapping[str, Any] = MappingProxyType({}),
) -> P:
    """Return a part made from settings that are validated against its fields.

    `shared` are settings that all parts of a run have in common (seed, device); a part takes those
    that it has a field for.
    """
    hints = get_type_hints(part)
    fields: dict[str, Any] = {
        f.name: (hints[f.name], ...)
        for f in dataclasses.fields(part)  # type: ignore[arg-type]
        if f.init
    }
    settings = {**{name: shared[name] for name in shared if name in fields}, **settings}
    types = {name: field for name, field in fields.items() if name in settings}
    for name in settings:
        if name not in fields:
            raise ConfigError(
                f"{where}: unknown setting", received=name, remedy=nearest(name, fields)
            )
    model = pydantic.create_model(
        part.__name__, __config__=ConfigDict(arbitrary_types_allowed=True), **types
    )
    checked = validate_settings(model, settings, where=where)
    return part(**{name: getattr(checked, name) for name in types})


def validate_settings(model: type[BaseModel], tree: Mapping[str, Any], *, where: str = "") -> Any:
    """Return `tree` as a `model`, or raise `ConfigError` for the first error."""
    try:
        return model.model_validate(tree)
    except pydantic.ValidationError as error:
        # an unknown key first: it is often a required one, misspelt
        first = min(error.errors(), key=lambda entry: entry["type"] != "extra_forbidden")
        path = ".".join([where, *map(str, first["loc"])] if where else map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            remedy = nearest(str(first["loc"][-1]), _keys(model, first["loc"][:-1]))
            raise ConfigError("unknown key", received=path, remedy=remedy) from None
        if first["type"] == "missing":
            raise ConfigError(f"{path} is required", remedy="add it to the config") from None
        remedy = first["msg"][0].lower() + first["msg"][1:]
        raise ConfigError(f"{path} is not valid", received=first["input"], remedy=remedy) from None


def _keys(model: Any, path: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at a path."""
    for name in path:
        fields = getattr(model, "model_fields", {})
        model = fields[name].annotation if name in fields else model
    return list(getattr(model, "model_fields", {}))
