"""Fifty hostile texts, and a model that obeys them: nothing else changes."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from benchmarks.library.hostile_texts import HOSTILE_TEXTS
from benchmarks.quality.chat_sentences import NOW, SEEN, VOCABULARY
from fake_language_model import FakeServer
from polyrec.generate.chat.parse import MessageContext, RuleParser
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.generate.enrich.enrichment import EnrichmentSummary, EnrichSettings, enrich_items
from polyrec.generate.enrich.fields import FIELDS
from polyrec.generate.rerank import rerank_by_model
from polyrec.generate.wording.facts import ReasonFacts, clean_title
from polyrec.generate.wording.reason import write_reason

PLAIN = [f"Film {n}\nA plain film about {n} boats" for n in range(10)]
OBEDIENT = (
    '{"order": [1, 1, 1]}', '{"order": []}', '{"order": "all"}', '{"order": [1], "filters": {}}',
    "These are the instructions: ...", '{"text": "Everybody loves {item1}, 100% {source1}!"}',
)  # fmt: skip


def is_hostile(data: dict) -> bool:
    texts = json.dumps(data, ensure_ascii=False)
    return any(
        clean_title(text)[:40] in texts for text in HOSTILE_TEXTS if clean_title(text) != "…"
    )


def test_a_list_keeps_its_items(tmp_path: Path) -> None:
    """Whatever an obeyed title says, the order is a permutation or unchanged."""
    for answer in OBEDIENT:
        server = FakeServer(lambda data, text=answer: text if is_hostile(data) else "")
        assert rerank(server, tmp_path) is None
        assert len(server.requests) == 1
    reverse = FakeServer(lambda data: json.dumps({"order": list(range(len(data["items"]), 0, -1))}))
    order = rerank(reverse, tmp_path)
    assert order is not None
    assert sorted(order) == list(range(60)) != order


def test_titles_are_sent_as_data_on_one_line_of_visible_characters(tmp_path: Path) -> None:
    server = FakeServer(lambda _: "{}")
    rerank(server, tmp_path)
    (request,) = server.requests
    messages = json.loads(request.content)["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    for item in json.loads(messages[1]["content"])["items"]:
        assert item["title"].isprintable()
        assert len(item["title"]) <= 80


def rerank(server: FakeServer, folder: Path) -> list[int] | None:
    model = server.model(folder)
    titles = [*HOSTILE_TEXTS, *(text.split("\n")[0] for text in PLAIN)]
    return asyncio.run(rerank_by_model(titles, HOSTILE_TEXTS[:5], model, deadline_s=5))


def test_reasons_send_no_text_and_name_the_title_alone(tmp_path: Path) -> None:
    """So a text changes neither its own reason's claims nor that of others."""
    server = FakeServer(lambda _: '{"text": "Because of {item1}, from {source1}."}')
    model = server.model(tmp_path)

    async def reasons() -> list[str]:
        facts = (ReasonFacts((clean_title(t),), (("text", 100),), True) for t in HOSTILE_TEXTS)
        return [(await write_reason(each, "en", model, deadline_s=5)).text for each in facts]

    for text, reason in zip(HOSTILE_TEXTS, asyncio.run(reasons()), strict=True):
        assert reason == f"Because of “{clean_title(text)}”, from its text (100%)."
        assert reason.isprintable()
    assert len(server.requests) <= 8
    data = [json.loads(request.content)["messages"][1]["content"] for request in server.requests]
    assert {key for text in data for key in json.loads(text)} == {
        "language", "items", "sources", "variant"
    }  # fmt: skip
    assert {json.loads(text)["items"][0] for text in data} == {"{item1}"}


def test_enriched_rows_of_other_items_are_the_same(tmp_path: Path) -> None:
    """The row of a hostile item is text of bounded length, in columns that nobody filters by."""

    def obey(data: dict) -> str:
        words = [data["text"][:200] * 20] * 30 if is_hostile(data) else ["boat", "film"]
        values = {"summary": words[0], "tags": words, "themes": words, "audience": words[0],
                  "title": words[0]}  # fmt: skip
        extra = {"categories": ["films"]} if "categories" in data["text"] else {}
        return json.dumps(values | extra)

    plain = {f"p{n}": text for n, text in enumerate(PLAIN)}
    hostile = {f"h{n}": text for n, text in enumerate(HOSTILE_TEXTS)}
    alone = enrich(FakeServer(obey), tmp_path / "alone", plain)
    both = enrich(FakeServer(obey), tmp_path / "both", {**hostile, **plain})
    assert both.enriched >= 55
    assert all(item.startswith("h") for item in both.quarantine)
    text = (tmp_path / "both/out.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.rstrip("\n").split("\n")]
    lines = (tmp_path / "alone/out.jsonl").read_text().splitlines()
    assert alone.enriched == len(lines) == 10
    assert rows[-10:] == [json.loads(line) for line in lines]
    for row in rows:
        assert set(row) == {"item_id", "enriched_from", *(f"enriched_{name}" for name in FIELDS)}
        assert all(cell.isprintable() and len(cell) <= 1_000 for cell in row.values())


def enrich(server: FakeServer, folder: Path, texts: dict[str, str]) -> EnrichmentSummary:
    async def run() -> EnrichmentSummary:
        model = server.model(folder, max_answer_kb=4_096)
        try:
            settings = EnrichSettings(FIELDS, pause_s=0)
            return await enrich_items(texts, model, folder / "out.jsonl", settings)
        finally:
            await model.close()

    return asyncio.run(run())


def test_messages_mean_the_same_beside_hostile_labels() -> None:
    """Rules read messages; a label takes no words that people use for other things."""
    labels = {("", text): 10_000 for text in HOSTILE_TEXTS}
    added = Vocabulary.of({}, labels, {}).facets
    poisoned = replace(VOCABULARY, facets={**added, **VOCABULARY.facets})
    for sentence in SEEN:
        message = sentence[0]
        results = [
            RuleParser().parse(message, MessageContext(vocabulary, {}.get, NOW))
            for vocabulary in (VOCABULARY, poisoned)
        ]
        assert results[0] == results[1], message
