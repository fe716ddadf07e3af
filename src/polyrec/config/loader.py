"""Read a config file: YAML in, validated settings out; every error names the key and a remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from polyrec.config.data import SplitConfig
from polyrec.config.make import validate_settings
from polyrec.config.schema import Config, EncodeConfig
from polyrec.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read_config(path: Path, *, overrides: Sequence[str] = ()) -> Config:
    """Return the run described by a YAML file, with `a.b=c` overrides applied.

    `${NAME}` and `${NAME:-default}` in a value are environment variables. Paths are relative to the
    file's folder. Overriding the `use` of a part drops the settings of the part it had.
    """
    if not path.is_file():
        raise ConfigError("no such config", received=str(path), remedy="check the path")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = path.name if line is None else f"{path.name} line {line + 1}"
        raise ConfigError("not valid YAML", received=where, remedy="fix its syntax") from error
    if not isinstance(tree, dict):
        received = type(tree).__name__
        remedy = "see docs/config.md"
        raise ConfigError("a config must be a mapping", received=received, remedy=remedy)
    # overrides of `use` first, in any order on the command line: they clear the other settings
    for override in sorted(overrides, key=lambda text: ".use=" not in text):
        _override(tree, override)
    return parse_config(_expand(tree, os.environ), folder=path.parent)


def parse_config(tree: Mapping[str, Any], *, folder: Path) -> Config:
    """Return the run described by a mapping; paths are relative to `folder`."""
    config: Config = validate_settings(Config, tree)
    path = (folder / config.data.path).resolve()
    data = config.data.model_copy(update={"path": path, "split": _split(config)})
    if config.evaluate.protocol == "next_item" and "repeats" not in data.model_fields_set:
        data = data.model_copy(update={"repeats": "all"})
    cache = (folder / config.cache.expanduser()).resolve()
    encode = {name: _with_full_paths(part, folder) for name, part in config.encode.items()}
    return config.model_copy(update={"data": data, "cache": cache, "encode": encode})


def _split(config: Config) -> SplitConfig:
    """Return the split of the protocol, or raise if `data.split` names another."""
    protocol, split = config.evaluate.protocol, config.data.split
    if protocol == "compat":
        return split
    # a given split can't show which items are new: an item may lack train events by chance
    allowed = ("auto", protocol) if protocol == "new_items" else ("auto", protocol, "given")
    if split.use not in allowed:
        received = f"protocol {protocol}, split {split.use}"
        remedy = "leave data.split.use out"
        raise ConfigError("evaluate.protocol and data.split differ", received=received,
                          remedy=remedy)  # fmt: skip
    share = {} if "test" in split.model_fields_set or protocol != "new_items" else {"test": 0.2}
    return split.model_copy(update={"use": protocol if split.use == "auto" else split.use, **share})


def _with_full_paths(part: EncodeConfig, folder: Path) -> EncodeConfig:
    """Return a part whose `model` or `path` is a full path if it exists in `folder`."""
    paths = {
        name: str((folder / value).resolve())
        for name, value in part.settings.items()
        if name in ("model", "path") and isinstance(value, str) and value
        if (folder / Path(value).expanduser()).exists()
    }
    return EncodeConfig(**{**part.model_dump(), **paths})


def _override(tree: dict[str, Any], text: str) -> None:
    path, equals, value = text.partition("=")
    if not equals or not path:
        remedy = "write a.b=c, for example seed=3"
        raise ConfigError("not an override", received=text, remedy=remedy)
    *parents, name = path.split(".")
    section = tree
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise ConfigError("not a section of the config", received=parent, remedy=f"in {text!r}")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError("not a YAML value", received=text, remedy="quote it") from error
    if name == "use" and parents != ["data"] and section.get("use") not in (None, parsed):
        section.clear()
    section[name] = parsed


def _expand(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        text = variables.get(match[1], match[2])
        if text is None:
            remedy = f"export {match[1]}=... or write ${{{match[1]}:-default}}"
            raise ConfigError(
                "an environment variable is not set", received=match[1], remedy=remedy
            )
        return text

    return _VARIABLE.sub(replace, value)
