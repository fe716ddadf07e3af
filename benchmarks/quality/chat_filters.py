"""Are the filters those that people mean? Messages read by the rule-based parser alone.

    python -m benchmarks.quality.chat_filters

Each condition counts: a category or label that is wanted or not, a word that no item may have, and
the range of a price, a rating, a year or a time with both ends. Precision is the share of the
parsed conditions that are meant, recall the share of those meant that are parsed; a sentence is
right if all are and no others.
"""

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from benchmarks.library.results import save_results
from benchmarks.quality import chat_sentences, chinese_sentences
from benchmarks.quality.chat_sentences import NOW, Sentence
from polyrec.generate.chat.parse import MessageContext, ParsedMessage, RuleParser
from polyrec.generate.chat.vocabulary import Vocabulary

Condition = tuple[object, ...]
SETS = {
    "written with the rules": (chat_sentences.SEEN, chat_sentences.VOCABULARY),
    "not looked at": (chat_sentences.UNSEEN, chat_sentences.VOCABULARY),
    "Chinese, written with the rules": (chinese_sentences.SEEN, chinese_sentences.VOCABULARY),
    "Chinese, not looked at": (chinese_sentences.UNSEEN, chinese_sentences.VOCABULARY),
}


def main() -> None:
    rows = {name: measure(*sentences) for name, sentences in SETS.items()}
    for sentences, vocabulary in SETS.values():
        for sentence, parsed, meant in misread(sentences, vocabulary):
            missed = meant - parsed or "-"
            print(f"{sentence}\n  parsed {parsed - meant or '-'}\n  missed {missed}")
    save_results("chat_filters", rows)


def measure(sentences: Iterable[Sentence], vocabulary: Vocabulary) -> dict[str, Any]:
    """Return precision and recall of the conditions, and the share of sentences read right."""
    pairs = [(conditions(parse(text, vocabulary)), expected(meant)) for text, meant in sentences]
    hits = sum(len(parsed & meant) for parsed, meant in pairs)
    return {
        "sentences": len(pairs),
        "conditions": sum(len(meant) for _, meant in pairs),
        "precision": round(hits / max(1, sum(len(parsed) for parsed, _ in pairs)), 4),
        "recall": round(hits / max(1, sum(len(meant) for _, meant in pairs)), 4),
        "sentences right": round(sum(p == m for p, m in pairs) / len(pairs), 4),
    }


def misread(
    sentences: Iterable[Sentence], vocabulary: Vocabulary
) -> Iterable[tuple[str, set[Condition], set[Condition]]]:
    """Yield each sentence that is misread with its conditions as parsed and as meant."""
    for text, meant in sentences:
        parsed, wanted = conditions(parse(text, vocabulary)), expected(meant)
        if parsed != wanted:
            yield text, parsed, wanted


def parse(text: str, vocabulary: Vocabulary) -> ParsedMessage:
    return RuleParser().parse(text, MessageContext(vocabulary, lambda _: None, NOW))


def conditions(parsed: ParsedMessage) -> set[Condition]:
    """Return the conditions of a parsed message."""
    results: set[Condition] = {("want", facet.value) for facet in parsed.facets.wanted}
    results |= {("not", facet.value) for facet in parsed.facets.unwanted}
    results |= {("word", word) for word in parsed.facets.unwanted_words}
    for key, ends in {**parsed.numbers.ranges, **parsed.times.years}.items():
        results.add((key, *(round(float(end), 6) for end in ends)))
    if parsed.times.times is not None:
        low, high = (datetime.fromtimestamp(t / 1e6, UTC) for t in parsed.times.times)
        results.add(("time", str(low.date()), str(high.date()) if high.year < 2100 else None))
    return results


def expected(meant: Mapping[str, Any]) -> set[Condition]:
    """Return the conditions that a person means."""
    names = {"want": "want", "not": "not", "words": "word"}
    results: set[Condition] = {
        (names[kind], value) for kind, values in meant.items() if kind in names for value in values
    }
    for key in set(meant) - set(names):
        ends = meant[key] if key == "time" else map(float, meant[key])
        results.add((key, *ends))
    return results


if __name__ == "__main__":
    sys.exit(main())
