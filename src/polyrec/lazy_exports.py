"""Export classes and functions from a package without importing their modules before first use.

The package lists them as imports under `if TYPE_CHECKING:`, where type checkers and editors see
them. At run time the same lines are read from its source, as `lazy_loader` does with stub files
(Scientific Python SPEC 1).
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@cache
def listed_imports(package: str) -> dict[str, str]:
    """Return name -> "module:name" of each import under a package's `if TYPE_CHECKING:`.

    >>> listed_imports("polyrec.recommend")["EASE"]
    'polyrec.recommend.linear.ease:EASE'
    """
    blocks = (
        node
        for node in module_source(package).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def module_source(module: str) -> ast.Module:
    """Return the parsed source of a module, without importing it."""
    loaded = sys.modules.get(module)
    spec = find_spec(module) if loaded is None else loaded.__spec__
    if spec is None or not spec.has_location:
        return ast.Module([], [])
    return ast.parse(Path(str(spec.origin)).read_text(encoding="utf-8"))


def load_attribute(address: str) -> Any:
    """Return what "module:name" names: something a module defines, or a submodule."""
    module, _, name = address.partition(":")
    loaded = importlib.import_module(module)
    return (
        getattr(loaded, name)
        if name in vars(loaded)
        else importlib.import_module(f"{module}.{name}")
    )


def lazy_exports(
    package: str, load: Callable[[str], Any] = load_attribute
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a package; `load` imports "module:name"."""
    addresses = listed_imports(package)
    names = sorted(addresses)

    def get_attribute(name: str) -> Any:
        if name not in addresses:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load(addresses[name])

    return names, get_attribute, lambda: names
