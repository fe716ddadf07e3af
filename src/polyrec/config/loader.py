"""A config file: YAML in, checked settings out; every mistake names its key and a remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from polyrec.config.make import validate_settings
from polyrec.config.schema import Config, EncodeConfig, SplitConfig
from polyrec.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read_config(path: Path, *, overrides: Sequence[str] = ()) -> Config:
    """Return the run described by a YAML file, with `a.b=c` overrides applied.

    `${NAME}` and `${NAME:-default}` in a value take environment variables. Relative paths count
    from the file's own folder. Giving another `use` to a part drops the settings of the one it had.
    """
    if not path.is_file():
        raise ConfigError("no config file here", received=str(path), remedy="check the path")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = path.name if line is None else f"{path.name} line {line + 1}"
        raise ConfigError("not a YAML file", received=where, remedy="mend its syntax") from error
    if not isinstance(tree, dict):
        raise ConfigError("a config is a mapping", received=type(tree).__name__, remedy="see docs")
    # a part's `use` first, whatever the order on the command line: it clears the other settings
    for override in sorted(overrides, key=lambda text: ".use=" not in text):
        _override(tree, override)
    return parse_config(_expand(tree, os.environ), folder=path.parent)


def parse_config(tree: Mapping[str, Any], *, folder: Path) -> Config:
    """Return the run described by a mapping; relative paths count from `folder`."""
    config: Config = validate_settings(Config, tree)
    place = {"path": (folder / config.data.path).resolve(), "split": _split(config)}
    data = config.data.model_copy(update=place)
    cache = (folder / config.cache.expanduser()).resolve()
    encode = {name: _beside(part, folder) for name, part in config.encode.items()}
    return config.model_copy(update={"data": data, "cache": cache, "encode": encode})


def _split(config: Config) -> SplitConfig:
    """Return the split that the protocol stands for, or raise where `data.split` says another."""
    protocol, given = config.evaluate.protocol, config.data.split
    if protocol == "compat":
        return given
    # what is new can't be told from a given split: it may have lost its events by chance
    allowed = ("auto", protocol) if protocol == "new_items" else ("auto", protocol, "given")
    if given.use not in allowed:
        received = f"protocol {protocol}, split {given.use}"
        remedy = "leave data.split.use out"
        raise ConfigError("evaluate.protocol and data.split differ", received=received,
                          remedy=remedy)  # fmt: skip
    share = {} if "test" in given.model_fields_set or protocol != "new_items" else {"test": 0.2}
    return given.model_copy(update={"use": protocol if given.use == "auto" else given.use, **share})


def _beside(part: EncodeConfig, folder: Path) -> EncodeConfig:
    """Return a part whose `model` or `path`, where it lies in `folder`, is a full path."""
    found = {
        name: str((folder / value).resolve())
        for name, value in part.settings.items()
        if name in ("model", "path") and isinstance(value, str) and value
        if (folder / Path(value).expanduser()).exists()
    }
    return EncodeConfig(**{**part.model_dump(), **found})


def _override(tree: dict[str, Any], text: str) -> None:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ConfigError("an override is a.b=c", received=text, remedy="for example seed=3")
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
        found = variables.get(match[1], match[2])
        if found is None:
            remedy = f"export {match[1]}=... or write ${{{match[1]}:-default}}"
            raise ConfigError(
                "an environment variable is not set", received=match[1], remedy=remedy
            )
        return found

    return _VARIABLE.sub(replace, value)
