"""The language model of a worker, and what it may be used for."""

from __future__ import annotations

from dataclasses import dataclass

from polyrec.config import read_language_model
from polyrec.generate.language_model.client import LanguageModel, open_language_model
from polyrec.generate.wording.facts import ReasonFacts
from polyrec.generate.wording.reason import write_reason
from polyrec.generate.wording.templates import reason_language
from polyrec.serve.settings import ModelUse, Settings


@dataclass(frozen=True)
class ServiceWords:
    """A language model for some uses. Each ends at a deadline, and has a result without it."""

    settings: Settings
    language_model: LanguageModel | None = None

    @classmethod
    def open(cls, settings: Settings) -> ServiceWords:
        """Return the language model of the settings; none is off."""
        if settings.language_model is None:
            return cls(settings)
        return cls(settings, open_language_model(read_language_model(settings.language_model)))

    async def close(self) -> None:
        """Close the language model."""
        if self.language_model is not None:
            await self.language_model.close()

    @property
    def deadline_s(self) -> float:
        """Return how long a request waits for the language model."""
        return self.settings.language_model_timeout_s

    def model_for(self, use: ModelUse) -> LanguageModel | None:
        """Return the language model if it may be used for this."""
        return self.language_model if use in self.settings.language_model_uses else None

    async def reason(self, facts: ReasonFacts | None, language: str) -> str:
        """Return a reason in words, "" if there is none; the template's after the deadline."""
        if facts is None:
            return ""
        model, chosen = self.model_for("reasons"), reason_language(language)
        return (await write_reason(facts, chosen, model, deadline_s=self.deadline_s)).text
