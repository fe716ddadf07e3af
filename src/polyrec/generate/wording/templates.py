"""A reason as a sentence, in English or Chinese: always there, and true of its facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from polyrec.generate.wording.facts import ReasonFacts, clean_title

ReasonLanguage = Literal["en", "zh"]

_SOURCES: dict[ReasonLanguage, dict[str, str]] = {
    "en": {"behaviour": "what people choose together", "text": "its text", "image": "its images",
           "audio": "its sound", "video": "its video"},
    "zh": {"behaviour": "大家的共同选择", "text": "它的文字", "image": "它的图像",
           "audio": "它的声音", "video": "它的视频"},
}  # fmt: skip


def reason_language(tag: str) -> ReasonLanguage:
    """Return the language of reasons for a language tag: Chinese, else English.

    >>> reason_language("zh-CN"), reason_language("de")
    ('zh', 'en')
    """
    return "zh" if tag.lower().replace("_", "-").split("-")[0] == "zh" else "en"


def source_phrase(source: str, language: ReasonLanguage) -> str:
    """Return how a source is called.

    >>> source_phrase("plot", "en")
    'its plot'
    """
    prefix = "它的" if language == "zh" else "its "
    return _SOURCES[language].get(source) or prefix + clean_title(source)


def quoted_title(title: str) -> str:
    """Return a clean title in quotes."""
    return f"“{title}”"


def reason_from_template(facts: ReasonFacts, language: ReasonLanguage) -> str:
    """Return the facts as one sentence.

    >>> reason_from_template(ReasonFacts(("A", "B"), (("behaviour", 63), ("text", 37)), True), "en")
    'Because of “A” and “B”: 63% from what people choose together, 37% from its text.'
    """
    titles = [quoted_title(title) for title in facts.titles]
    sources = [(source_phrase(name, language), percent) for name, percent in facts.percents]
    if language == "zh":
        shares = "，".join(f"{percent}%来自{phrase}" for phrase, percent in sources)
        detail = shares if facts.exact else "没有其中任何一个，分数都会更低"
        return f"因为{_join(titles, '、', '和')}：{detail}。"
    shares = ", ".join(f"{percent}% from {phrase}" for phrase, percent in sources)
    each = "any one of them" if len(titles) > 1 else "it"
    detail = shares if facts.exact else f"without {each} the score would be lower"
    return f"Because of {_join(titles, ', ', ' and ')}: {detail}."


def _join(parts: Sequence[str], separator: str, last: str) -> str:
    return last.join(part for part in (separator.join(parts[:-1]), parts[-1]) if part)
