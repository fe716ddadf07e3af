"""Reasons in words state the facts and nothing else, whoever words them."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from benchmarks.library.lying_model import (
    HONEST,
    LIES,
    LyingModel,
    facts_of,
    is_true,
    wording,
)
from fake_language_model import FakeServer
from polyrec.explanation import Explanation
from polyrec.generate.wording.check import checked_wording
from polyrec.generate.wording.facts import ReasonFacts, reason_facts
from polyrec.generate.wording.reason import write_reason
from polyrec.generate.wording.templates import reason_from_template


@pytest.mark.parametrize("language", ["en", "zh"])
def test_templates_are_true(language: str) -> None:
    pairs = facts_of(300) + facts_of(100, exact=False)
    assert len(pairs) > 300
    for source, facts in pairs:
        text = reason_from_template(facts, language)
        assert is_true(text, source, language), text
        assert text.isprintable()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_model_that_lies_in_a_tenth_of_its_answers_is_checked(language: str) -> None:
    worded = 0
    for n, (source, facts) in enumerate(facts_of(400)):
        reason = asyncio.run(write_reason(facts, language, LyingModel(n)))
        assert is_true(reason.text, source, language), reason
        assert (reason.source == "template") or n % 10 != 0
        worded += reason.source == "model"
    assert worded > 200


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_lie_is_refused_and_plain_wordings_pass(language: str) -> None:
    facts = ReasonFacts(("A", "B"), (("behaviour", 63), ("text", 37)), exact=True)
    data = {"language": language, "items": ["{item1}", "{item2}"],
            "sources": ["{source1}", "{source2}"]}  # fmt: skip
    for lie, forms in ((True, LIES), (False, HONEST)):
        passed = [
            checked_wording(text_of(wording(data, lie=lie, number=n)), facts, language)
            for n in range(len(forms[language]))
        ]
        assert len([text for text in passed if text]) == (
            0 if lie else len(passed) - (language == "en")
        )


def text_of(answer: str) -> str:
    return json.loads(answer)["text"]


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "{item1}", "Because of {item1}, from {source1}", "{" * 300 + "}" * 300,
     "Because of {item1}, from {source1}. " + "It is. " * 3,
     "Because of {item1}, from {source1}.\u202e", "Because of {item1}\nfrom {source1}.",
     "Because of {item1}, from {source1} {item1}.", "Because of {item1}, from { source1 }.",
     "Because of {item1} from {source1}.", "Because of {item1}, from {source1}1.",
     "Because of {item1}, from {source1}" + "." * 400],
)  # fmt: skip
def test_odd_wordings_are_refused(text: str) -> None:
    facts = ReasonFacts(("A",), (("text", 100),), exact=True)
    for language in ("en", "zh"):
        assert checked_wording(text, facts, language) is None


def test_a_prompt_has_no_titles_and_is_sent_once_for_equal_facts(tmp_path: Path) -> None:
    server = FakeServer(lambda data: wording(data, lie=False, number=0))
    model = server.model(tmp_path, url="https://cloud.test/v1")

    async def run() -> None:
        for n in range(100):
            facts = ReasonFacts((f"Secret {n}",), (("text", 100),), exact=True)
            reason = await write_reason(facts, "en", model)
            assert reason.source == "model"
            assert f"“Secret {n}”" in reason.text

    asyncio.run(run())
    assert len(server.requests) <= 8
    assert not any(b"Secret" in request.content for request in server.requests)


def test_a_model_that_is_down_leaves_the_template(tmp_path: Path) -> None:
    def down(data: dict) -> str:
        raise httpx.ConnectError("refused")

    model = FakeServer(down).model(tmp_path)
    facts = ReasonFacts(("A",), (("text", 100),), exact=True)
    began = time.monotonic()
    reason = asyncio.run(write_reason(facts, "en", model, deadline_s=0.3))
    assert reason.source == "template"
    assert time.monotonic() - began < 2


def test_nothing_that_speaks_for_an_item_is_no_reason() -> None:
    assert reason_facts(Explanation(1, -1.0, {(2, "text"): -1.0}, 0.0, True), str) is None
    assert reason_facts(Explanation(1, 0.5, {}, 0.5, True), str) is None
