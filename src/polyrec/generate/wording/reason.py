"""A reason in words: a model's wording where it passes the check, else the template."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from polyrec.errors import LanguageModelError
from polyrec.generate.language_model.client import LanguageModel
from polyrec.generate.language_model.prompt import Prompt
from polyrec.generate.wording.check import (
    checked_wording,
    item_placeholder,
    placeholder_values,
    source_placeholder,
)
from polyrec.generate.wording.facts import ReasonFacts
from polyrec.generate.wording.templates import (
    ReasonLanguage,
    reason_from_template,
    source_phrase,
)

_log = logging.getLogger(__name__)
_VARIANTS = 8  # wordings of equal facts


class Wording(BaseModel):
    """The answer of a language model to `reason.v1`."""

    model_config = ConfigDict(extra="forbid")

    text: str


@dataclass(frozen=True)
class WrittenReason:
    """A reason, and who worded it."""

    text: str
    source: Literal["template", "model"]


async def write_reason(
    facts: ReasonFacts,
    language: ReasonLanguage,
    model: LanguageModel | None,
    *,
    deadline_s: float = 2.0,
) -> WrittenReason:
    """Return the reason in words; a model that is slow, down or wrong leaves the template.

    Reasons that are not exact have no shares to fill in: they are always worded by the template.
    """
    template = WrittenReason(reason_from_template(facts, language), "template")
    if model is None or not facts.exact:
        return template
    prompt = Prompt("reason.v1", _prompt_data(facts, language), personal="no")
    try:
        answer = await model.complete(prompt, Wording, deadline_s=deadline_s)
    except LanguageModelError as error:
        _log.warning("reason not worded by the language model, using the template: %s", error)
        return template
    text = checked_wording(answer.text, facts, language)
    if text is None:
        _log.info("wording of the language model failed the check, using the template")
        return template
    return WrittenReason(text, "model")


def _prompt_data(facts: ReasonFacts, language: ReasonLanguage) -> dict[str, Any]:
    """Return placeholders and meanings of sources: no titles, since none is needed for a wording.

    So a prompt has nothing of a person, no item's text can change a wording, and a few answers,
    cached, serve everybody.
    """
    seed = "|".join([*facts.titles, *placeholder_values(facts, language)])
    return {
        "language": language,
        "items": [item_placeholder(position) for position in range(len(facts.titles))],
        "sources": {
            source_placeholder(position): source_phrase(name, language)
            for position, (name, _) in enumerate(facts.percents)
        },
        "variant": crc32(seed.encode()) % _VARIANTS,
    }
