"""A prompt: fixed instructions, and data as JSON: no text of an item is an instruction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

Message = dict[str, str]
Personal = Literal["no", "titles", "messages"]  # nothing, titles of their items, their own words


@dataclass(frozen=True)
class Prompt:
    """Instructions from `generate/prompts/NAME.txt`, and the data that they are about."""

    name: str  # with its version: "rerank.v1"
    data: Mapping[str, Any]
    personal: Personal  # what the data have of a person

    @property
    def messages(self) -> list[Message]:
        """Return the messages of a chat: the instructions as system, the data as user."""
        content = json.dumps(self.data, ensure_ascii=False, sort_keys=True)
        content = content.encode("utf-8", "replace").decode()  # no lone surrogates
        return [
            {"role": "system", "content": read_instructions(self.name)},
            {"role": "user", "content": content},
        ]

    def key(self, model: str, schema: Mapping[str, Any]) -> bytes:
        """Return the digest of all that an answer depends on."""
        text = json.dumps([model, self.messages, schema], sort_keys=True)
        return hashlib.sha256(text.encode()).digest()


def read_instructions(name: str) -> str:
    """Return the instructions of a prompt.

    >>> read_instructions("rerank.v1")[:8]
    'You sort'
    """
    return files("polyrec.generate").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")
