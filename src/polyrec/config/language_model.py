"""The settings of a language model, in a file of their own: they belong to a machine, not a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pydantic
import yaml
from pydantic import Field

from polyrec.config.data import Section
from polyrec.config.make import validate_settings
from polyrec.errors import ConfigError


class LanguageModelConfig(Section):
    """A language model: at an OpenAI-compatible address, in a transformers folder, or none.

    >>> LanguageModelConfig(use="address", url="http://localhost:8000/v1", model="small").use
    'address'
    """

    use: Literal["none", "address", "folder"] = "none"
    url: str = ""  # up to and with /v1
    model: str = ""  # its name at the address
    folder: Path | None = None
    key_variable: str = ""  # the environment variable that holds the key
    # what of a person goes to other machines: nothing, titles of their items, also their messages
    privacy: Literal["local", "titles", "messages"] = "local"
    response_format: Literal["json_schema", "json_object", "text"] = "json_schema"
    timeout_s: float = Field(10, gt=0, le=600)  # of a request, retries included
    retries: int = Field(2, ge=0, le=10)
    max_concurrent: int = Field(4, ge=1)
    max_prompt_characters: int = Field(16_000, ge=100)
    max_answer_tokens: int = Field(300, ge=1)
    max_answer_kb: int = Field(256, ge=1)
    tokens_per_day: int = Field(1_000_000, ge=0)
    cost_per_day: float = Field(0, ge=0)  # 0: no limit
    input_price: float = Field(0, ge=0)  # of a million tokens
    output_price: float = Field(0, ge=0)
    cache: Path = Path("~/.cache/polyrec/language_model.sqlite")
    cache_days: float = Field(90, gt=0)

    @pydantic.model_validator(mode="after")
    def _complete(self) -> LanguageModelConfig:
        if self.use == "address":
            _check_url(self.url)
            if not self.model:
                raise ConfigError("model is required", remedy="name the model at the address")
        if self.use == "folder" and self.folder is None:
            raise ConfigError("folder is required", remedy="name the folder of the model")
        return self


def read_language_model(path: Path) -> LanguageModelConfig:
    """Return the settings in a YAML file; paths are relative to the file's folder."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        remedy = "see docs/words.md"
        raise ConfigError(
            "the language model's settings can't be read", received=str(path), remedy=remedy
        ) from error
    if not isinstance(tree, dict):
        received = type(tree).__name__
        raise ConfigError(
            "the language model's settings must be a mapping",
            received=received,
            remedy="see docs/words.md",
        )
    config: LanguageModelConfig = validate_settings(LanguageModelConfig, tree)
    paths = {"cache": (path.parent / config.cache.expanduser()).resolve()}
    if config.folder is not None:
        paths["folder"] = (path.parent / config.folder.expanduser()).resolve()
    return config.model_copy(update=paths)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        remedy = "write it like http://localhost:8000/v1"
        raise ConfigError("not the address of a language model", received=url, remedy=remedy)
    if parts.username or parts.password or parts.query or parts.fragment:
        remedy = "put the key into an environment variable, and its name into key_variable"
        raise ConfigError("the address has more than host and path", remedy=remedy)
