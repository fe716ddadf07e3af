"""Make a dataclass from settings that are checked against its fields."""

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
    """Return the dataclass `part` made from settings that are checked against its fields.

    Of `shared`, what all parts of a run have in common (seed, device), it takes the fields it has.
    """
    hints = get_type_hints(part)
    fields: dict[str, Any] = {
        f.name: (hints[f.name], ...)
        for f in dataclasses.fields(part)  # type: ignore[arg-type]
        if f.init
    }
    settings = {**{name: shared[name] for name in shared if name in fields}, **settings}
    given = {name: kind for name, kind in fields.items() if name in settings}
    for name in settings:
        if name not in fields:
            raise ConfigError(
                f"{where}: unknown setting", received=name, remedy=nearest(name, fields)
            )
    model = pydantic.create_model(
        part.__name__, __config__=ConfigDict(arbitrary_types_allowed=True), **given
    )
    checked = validate_settings(model, settings, where=where)
    return part(**{name: getattr(checked, name) for name in given})


def validate_settings(model: type[BaseModel], tree: Mapping[str, Any], *, where: str = "") -> Any:
    """Return `tree` as a `model`, or raise a `ConfigError` for the first thing that is wrong."""
    try:
        return model.model_validate(tree)
    except pydantic.ValidationError as error:
        # an unknown key first: it is often the needed one, misspelt
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        place = ".".join([where, *map(str, first["loc"])] if where else map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = _known(model, first["loc"][:-1])
            remedy = nearest(str(first["loc"][-1]), known)
            raise ConfigError("unknown key", received=place, remedy=remedy) from None
        if first["type"] == "missing":
            raise ConfigError(f"{place} is needed", remedy="add it to the config") from None
        remedy = first["msg"][0].lower() + first["msg"][1:]
        raise ConfigError(f"{place} does not fit", received=first["input"], remedy=remedy) from None


def _known(model: Any, place: tuple[int | str, ...]) -> list[str]:
    for name in place:
        fields = getattr(model, "model_fields", {})
        model = fields[name].annotation if name in fields else model
    return list(getattr(model, "model_fields", {}))
