"""Find parts by their short names: from each room's table, and from plug-ins' entry points."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

from polyrec.errors import ConfigError, ExtraError, nearest

ROOMS = ("encode", "align", "fuse", "recommend")
"""The rooms whose parts are fitted and kept."""


def names(room: str) -> dict[str, str]:
    """Return short name -> "module:Class" of a room ("encode", "recommend", ...).

    A plug-in adds to it with an entry point in the group "polyrec.<room>".
    """
    table: dict[str, str] = dict(importlib.import_module(f"polyrec.{room}").PARTS)
    for plug_in in entry_points(group=f"polyrec.{room}"):
        table.setdefault(plug_in.name, plug_in.value)
    return table


def find(room: str, name: str) -> type:
    """Return the class behind a short name."""
    table = names(room)
    if name not in table:
        raise ConfigError(f"unknown part for {room}", received=name, remedy=nearest(name, table))
    return load(table[name], extra=_extras(room).get(name, name))


def _extras(room: str) -> Mapping[str, str]:
    """Return part -> the extra that brings what it needs, of a room's parts that need one."""
    extras: Mapping[str, str] = getattr(importlib.import_module(f"polyrec.{room}"), "EXTRAS", {})
    return extras


def short_name(room: str, part: object) -> str:
    """Return the name under which a part's class stands in its room."""
    address = f"{type(part).__module__}:{type(part).__qualname__}"
    for name, known in names(room).items():
        if known == address:
            return name
    raise ConfigError(
        f"not a registered part for {room}", received=address, remedy="add it to PARTS"
    )


def whereabouts(part: object) -> tuple[str, str]:
    """Return the room in which a part's class is registered, and its name there."""
    for room in ROOMS:
        with suppress(ConfigError):
            return room, short_name(room, part)
    received = type(part).__qualname__
    raise ConfigError("a part of no room", received=received, remedy="add it to a room's PARTS")


def load(address: str, *, extra: str) -> type:
    """Import "module:Class"; a missing optional package names the extra that brings it."""
    module, _, attribute = address.partition(":")
    try:
        found: type = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ExtraError(
            f"{address} needs a package that is not installed",
            received=error.name,
            remedy=f"pip install 'polyrec[{extra}]'",
        ) from error
    return found


def lazy(
    module: str, table: Mapping[str, str], extras: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that imports a part's class when it is first asked for."""
    classes = {address.partition(":")[2]: (address, name) for name, address in table.items()}

    def attribute(name: str) -> Any:
        if name not in classes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        address, short = classes[name]
        return load(address, extra=(extras or {}).get(short, short))

    return attribute
