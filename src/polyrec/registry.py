"""Look up parts by their short names: in each room's table, and among plug-ins' entry points.

A table maps a short name to an entry point, "module:Class", followed by the extra that installs
what the module imports where it needs one: "polyrec.encode.text.minilm:MiniLM [minilm]".
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from polyrec.errors import ConfigError, ExtraError, nearest

ROOMS = ("encode", "align", "fuse", "recommend")
"""The rooms whose parts are fitted and kept in bundles."""


def registered_parts(room: str) -> dict[str, EntryPoint]:
    """Return short name -> entry point of a room ("encode", "recommend", ...).

    A plug-in adds to it with an entry point in the group "polyrec.<room>".
    """
    group = f"polyrec.{room}"
    table = importlib.import_module(group).PARTS
    parts = {name: EntryPoint(name, value, group) for name, value in table.items()}
    return {plug_in.name: plug_in for plug_in in entry_points(group=group)} | parts


def find_class(room: str, name: str) -> type:
    """Return the class with a short name."""
    parts = registered_parts(room)
    if name not in parts:
        raise ConfigError(f"unknown part for {room}", received=name, remedy=nearest(name, parts))
    part: type = _load(parts[name])
    return part


def load_object(address: str) -> Any:
    """Return what "module:Class" or "module:Class [extra]" names."""
    return _load(EntryPoint("", address, ""))


def short_name(room: str, part: object) -> str:
    """Return the name under which the class of a part is registered in a room."""
    address = (type(part).__module__, type(part).__qualname__)
    for name, entry in registered_parts(room).items():
        if (entry.module, entry.attr) == address:
            return name
    received = ":".join(address)
    raise ConfigError(f"not a registered part for {room}", received=received, remedy=_REGISTER)


def room_and_name(part: object) -> tuple[str, str]:
    """Return the room in which the class of a part is registered, and its name there."""
    for room in ROOMS:
        with suppress(ConfigError):
            return room, short_name(room, part)
    raise ConfigError("not a registered part", received=type(part).__qualname__, remedy=_REGISTER)


_REGISTER = "add it to PARTS in its room's __init__.py, or as an entry point of a plug-in"


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        extra = ",".join(entry.extras)
        raise ExtraError(
            f"{entry.module}:{entry.attr} needs a package that is not installed",
            received=error.name,
            remedy=f"pip install 'polyrec[{extra}]'" if extra else f"pip install {error.name}",
        ) from error


def lazy_classes(
    module: str, table: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a room: its classes are imported on first use."""
    entries = {entry.attr: entry for entry in (EntryPoint("", v, "") for v in table.values())}

    def attribute(name: str) -> Any:
        if name not in entries:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return _load(entries[name])

    return attribute, lambda: sorted({*entries, "PARTS"})
