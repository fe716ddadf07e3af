"""A language model that lies in a tenth of the reasons that it words, and an oracle of truth."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.library.hostile_texts import HOSTILE_TEXTS
from polyrec.explanation import Explanation
from polyrec.generate.language_model.client import parse_answer
from polyrec.generate.language_model.prompt import Prompt
from polyrec.generate.wording.facts import ReasonFacts, clean_title, reason_facts
from polyrec.generate.wording.reason import Wording
from polyrec.generate.wording.templates import source_phrase

SOURCES = ("behaviour", "text", "image", "audio", "video", "plot")


def explanation(seed: int, *, exact: bool = True) -> Explanation:
    """Return an explanation with random parts, negative ones too."""
    draw = np.random.default_rng(seed)
    names = draw.choice(SOURCES, draw.integers(1, 5), replace=False) if exact else ["history"]
    items = draw.choice(100, draw.integers(1, 6), replace=False)
    parts = {(int(i), str(s)): float(draw.normal(0.4)) for i in items for s in names}
    return Explanation(100, sum(parts.values()), parts, 0.0, exact)


def title(item: int) -> str:
    """Return the title of an item, hostile for the first 50."""
    return HOSTILE_TEXTS[item] if item < len(HOSTILE_TEXTS) else f"Film {item}, the {item}%"


def facts_of(count: int, *, exact: bool = True) -> list[tuple[Explanation, ReasonFacts]]:
    """Return explanations of items with a reason, and their facts."""
    pairs = (
        (e, reason_facts(e, title)) for e in (explanation(n, exact=exact) for n in range(count))
    )
    return [(e, facts) for e, facts in pairs if facts is not None]


def is_true(text: str, source: Explanation, language: str) -> bool:
    """Check titles, sources and shares in a text against the parts, by other code than ours."""
    sums: dict[int, float] = {}
    positive: dict[str, float] = {}
    for (item, name), part in source.parts.items():
        sums[item] = sums.get(item, 0.0) + part
        positive[name] = positive.get(name, 0.0) + max(part, 0.0)
    causes = {clean_title(title(item)) for item, total in sums.items() if total > 0}
    quoted = re.findall(r"“([^”]*)”", text)
    rest = re.sub(r"“[^”]*”", "", text)
    if not quoted or not set(quoted) <= causes:
        return False
    if not source.exact:
        return "%" not in rest
    total = sum(positive.values())
    known = {source_phrase(name, language): round(100 * p / total) for name, p in positive.items()}
    pairs = [(int(n), p) for n, p in re.findall(r"(\d+)% from ([a-z ]+)", rest)]
    pairs += [(int(n), p) for p, n in re.findall(r"((?:its|what) [a-z ]+?) \((\d+)%\)", rest)]
    pairs += [(int(n), p) for n, p in re.findall(r"(\d+)%来自([\w]+)", rest)]
    pairs += [(int(n), p) for p, n in re.findall(r"来自([\w]+) \((\d+)%\)", rest)]
    return len(pairs) == rest.count("%") > 0 and all(known.get(p) == n for n, p in pairs)


HONEST = {
    "en": ("We recommend this because of {items} in your history. It comes from {sources}.",
           "Based on {items}, this is suggested from {sources}.",
           "Thanks to {items}: this suggestion stems from {sources}.",
           "This is for you due to {items}; the reason comes from {sources}.",
           "This fits your taste, thanks to {items} and from {sources}!"),
    "zh": ("因为{items}，我们推荐这个。理由来自{sources}。",
           "基于您历史中的{items}，我们为您推荐这个，来自{sources}。",
           "由于{items}：推荐这个的原因来自{sources}。"),
}  # fmt: skip
LIES = {
    "en": ("{items} is recommended because of {sources} in this.",
           "We recommend this because of {items} and {item9}, from {sources}.",
           "We recommend this not because of {items}, from {sources}.",
           "Because of {items}, mostly 90% from {sources}.",
           "Because of {items} by Stanley Kubrick, from {sources}.",
           "Because of “Titanic” and {items}, from {sources}.",
           "Because of {items}, from its sound and from {sources}.",
           "Because of {sources}, from {items}.",
           "We recommend {items} because of this, from {sources}.",
           "Because of {items}, half from {sources}.",
           "Because you disliked {items}, from {sources}.",
           "Because of {items}."),
    "zh": ("不是因为{items}，推荐这个来自{sources}。",
           "因为{items}和“泰坦尼克号”，来自{sources}。",
           "因为{items}，百分之九十来自{sources}。",
           "因为{items}，来自它的声音，来自{sources}。",
           "{items}因为这个来自{sources}。",
           "因为{item9}和{items}，来自{sources}。"),
}  # fmt: skip


def wording(data: Mapping[str, Any], *, lie: bool, number: int) -> str:
    """Return the answer to a prompt of `reason.v1`."""
    language = data["language"]
    last = (" and ", "和")[language == "zh"]
    sources = (" and from ", "，来自")[language == "zh"].join(data["sources"])
    forms = (LIES if lie else HONEST)[language]
    text = forms[number % len(forms)]
    text = text.replace("{items}", last.join(data["items"])).replace("{sources}", sources)
    return json.dumps({"text": text}, ensure_ascii=False)


class LyingModel:
    """A language model without a client, that words the n-th reason."""

    def __init__(self, n: int) -> None:
        self.n = n

    async def complete(self, prompt: Prompt, answer: type[Wording], **_: float) -> Wording:
        """Return the wording of a prompt."""
        text = wording(prompt.data, lie=self.n % 10 == 0, number=self.n // 3)
        return parse_answer(text, answer)
