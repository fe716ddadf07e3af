"""The order of a short list by a language model, within a deadline; else the list as it was."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from polyrec.errors import LanguageModelError
from polyrec.generate.language_model.client import LanguageModel
from polyrec.generate.language_model.prompt import Prompt
from polyrec.generate.wording.facts import clean_title

_log = logging.getLogger(__name__)
_MAX_ITEMS = 50
MAX_HISTORY = 20  # the latest


class ItemOrder(BaseModel):
    """The answer of a language model to `rerank.v1`: numbers of items from 1, the best first."""

    model_config = ConfigDict(extra="forbid")

    order: list[int]


async def rerank_by_model(
    titles: Sequence[str],
    history: Sequence[str],
    model: LanguageModel | None,
    *,
    deadline_s: float,
) -> list[int] | None:
    """Return the positions of a list's items in the model's order; None if the order stays.

    `history` are titles of a person's items, the latest last. The model sorts the first 50 items.
    The order stays without a model, after the deadline, on any failure, and where the answer has
    not each number once: no answer can add or drop an item.
    """
    count = min(len(titles), _MAX_ITEMS)
    if model is None or count < 2:
        return None
    items = [{"number": n + 1, "title": clean_title(titles[n])} for n in range(count)]
    latest = [clean_title(title) for title in history[-MAX_HISTORY:]]
    prompt = Prompt("rerank.v1", {"history": latest, "items": items}, personal="titles")
    try:
        answer = await model.complete(prompt, ItemOrder, deadline_s=deadline_s)
    except LanguageModelError as error:
        _log.warning("list not re-ranked by the language model, order unchanged: %s", error)
        return None
    if sorted(answer.order) != list(range(1, count + 1)):
        _log.info("the language model's order is not a permutation, order unchanged")
        return None
    return [number - 1 for number in answer.order] + list(range(count, len(titles)))
