"""What a language model must do, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from polyrec.generate.language_model.prompt import Message


@dataclass(frozen=True)
class Completion:
    """The text of an answer, and its tokens as the model counts them; None if it does not."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


class LanguageModelBackend(Protocol):
    """Where a language model runs."""

    name: str
    local: bool  # whether texts stay on this machine

    async def generate(
        self, messages: Sequence[Message], schema: Mapping[str, Any], *, timeout_s: float
    ) -> Completion:
        """Return the answer to the messages, or raise `LanguageModelError`."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
