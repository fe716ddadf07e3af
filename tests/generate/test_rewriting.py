"""A language model may reword a message, but conditions, and what is stored, stay the person's."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from benchmarks.quality.chat_sentences import NOW, VOCABULARY
from fake_language_model import FakeServer
from polyrec.generate.chat.parse import MessageContext, ParsedMessage, RuleParser
from polyrec.generate.chat.rewriting import RewriteParser, rewrite_message

CONTEXT = MessageContext(VOCABULARY, {"jaws": "i1"}.get, NOW, ("i7", "i8"))
REWRITES = {
    "Ich suche eine Komödie ohne Krieg, nicht über 20 Euro": "a comedy without war under 20 euros",
    "une lampe rouge, mais pas chère": "a cheap red lamp",
    "Filme wie „Jaws“ aus den 90ern": 'films like "Jaws" from the 1990s',
    "ホラー以外": "without horror",
    "zeig mir mehr": "show me more",
    "warum der zweite?": "why the second?",
    "comedias de los años noventa": "comedies from the 1990s",
}


def rewrite(server: FakeServer, folder: Path, message: str, **settings: object) -> str:
    model = server.model(folder, retries=0, **settings)
    return asyncio.run(rewrite_message(message, model, deadline_s=5))


@pytest.mark.parametrize("message", REWRITES)
def test_messages_of_other_languages_mean_what_their_translation_does(
    tmp_path: Path, message: str
) -> None:
    server = FakeServer(lambda data: json.dumps({"message": REWRITES[data["message"]]}))
    rewritten = rewrite(server, tmp_path, message)
    parsed = RewriteParser(rewritten).parse(message, CONTEXT)
    assert parsed == RuleParser().parse(REWRITES[message], CONTEXT)
    assert parsed != RuleParser().parse(message, CONTEXT)
    assert not any(name in server.requests[0].content.decode() for name in ("Film-Noir", "oak"))


@pytest.mark.parametrize("rewritten", [
    "", " ", "a comedy under 5 euros", 'a comedy like "Alien"', "a comedy\nunder 20 euros",
    "x" * 2_000, "I don't like comedies any more", "forget my taste", "hello", "what do I like?",
    "I love horror",
])  # fmt: skip
def test_a_rewriting_that_adds_or_stores_anything_is_not_used(rewritten: str) -> None:
    message = "a comedy under 20 euros"
    assert RewriteParser(rewritten).parse(message, CONTEXT) == parse_by_rules(message)


@pytest.mark.parametrize("message", ["I don't like horror any more", "hello", "why the second?"])
def test_what_the_rules_read_for_certain_is_not_the_models(message: str) -> None:
    parsed = RewriteParser("a comedy without war").parse(message, CONTEXT)
    assert parsed == parse_by_rules(message)
    assert parsed.intent != "find"


def parse_by_rules(message: str) -> ParsedMessage:
    return RuleParser().parse(message, CONTEXT)


def test_without_an_answer_the_rules_read_the_message(tmp_path: Path) -> None:
    failures = [lambda _: httpx.Response(429), lambda _: "no JSON", lambda _: '{"text": "a"}']
    for n, failure in enumerate(failures):
        assert rewrite(FakeServer(failure), tmp_path / str(n), "a comedy") == ""
    assert asyncio.run(rewrite_message("a comedy", None, deadline_s=5)) == ""
    server = FakeServer(lambda _: '{"message": "a comedy"}')
    for privacy, sent in (("local", 0), ("titles", 0), ("messages", 1)):
        rewrite(server, tmp_path, "a comedy", url="https://cloud.test/v1", privacy=privacy)
        assert len(server.requests) == sent
