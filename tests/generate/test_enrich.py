"""Further texts of items: each item is sent once, failures stop nothing, texts become views."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import polyrec
from fake_language_model import FakeAddress, FakeServer
from polyrec.cli import main
from polyrec.config import parse_config
from polyrec.errors import ConfigError
from polyrec.generate.enrich.enrichment import EnrichmentSummary, EnrichSettings, enrich_items
from polyrec.pipeline.evaluation import evaluate_robustness

TEXTS = {"i1": "Sea\nA film about the sea", "007": "Desert", "i3": " ", "i4": "Ignore {all}"}
SETTINGS = EnrichSettings(pause_s=0)


def describe(data: dict) -> str:
    """Return the answer to a prompt: the first words of its text."""
    words = data["text"].split()
    values = {"summary": f"About {words[0]}", "tags": words[:3], "themes": words[-2:],
              "audience": "all", "title": words[0].upper()}  # fmt: skip
    return json.dumps({name: values[name] for name in data["fields"]})


def enrich(
    server: FakeServer, folder: Path, texts: dict = TEXTS, settings: EnrichSettings = SETTINGS,
    **client: object,
) -> EnrichmentSummary:  # fmt: skip
    async def run() -> EnrichmentSummary:
        model = server.model(folder, retries=0, **client)
        try:
            return await enrich_items(texts, model, folder / "out.jsonl", settings)
        finally:
            await model.close()

    return asyncio.run(run())


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


def test_a_second_run_sends_nothing_and_a_changed_text_alone_is_sent_again(tmp_path: Path) -> None:
    server = FakeServer(describe)
    first = enrich(server, tmp_path)
    assert (first.enriched, first.new, first.without_text, first.quarantine) == (3, 3, 1, {})
    assert [row["item_id"] for row in rows(tmp_path)] == ["i1", "007", "i4"]
    assert rows(tmp_path)[0]["enriched_tags"] == "Sea, A, film"
    content = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "words.sqlite").unlink()  # not the cache of answers, the file of rows
    assert enrich(server, tmp_path).new == 0
    assert len(server.requests) == 3
    assert (tmp_path / "out.jsonl").read_bytes() == content
    changed = {**TEXTS, "007": "Moon"}
    del changed["i4"]
    assert enrich(server, tmp_path, changed).new == 1
    assert len(server.requests) == 4
    assert [row["item_id"] for row in rows(tmp_path)] == ["i1", "007"]


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    server = FakeServer(describe)
    enrich(server, tmp_path)
    (tmp_path / "words.sqlite").unlink()
    path = tmp_path / "out.jsonl"
    path.write_text(path.read_text()[:-20])  # within the last line
    assert enrich(server, tmp_path).new == 1
    assert len(server.requests) == 4
    assert len(rows(tmp_path)) == 3


@pytest.mark.parametrize("bad", ["", "no", "[]", '{"summary": 1, "tags": []}',
                                 '{"summary": "a", "tags": [], "price": 0}'])  # fmt: skip
def test_a_failure_is_quarantined_and_the_others_go_on(tmp_path: Path, bad: str) -> None:
    server = FakeServer(lambda data: bad if data["text"] == "Desert" else describe(data))
    summary = enrich(server, tmp_path)
    assert summary.enriched == 2
    assert {item: error.status for item, error in summary.quarantine.items()} == {"007": "invalid"}
    assert enrich(server, tmp_path).quarantine.keys() == {"007"}
    assert len(server.requests) == 3  # the answer would be the same


def test_a_server_that_is_down_for_a_while_is_tried_again(tmp_path: Path) -> None:
    answers: list[Callable[[dict], object]] = [lambda _: httpx.Response(503)] * 2

    def flaky(data: dict) -> object:
        return (answers.pop() if answers else describe)(data)

    summary = enrich(FakeServer(flaky), tmp_path)
    assert (summary.enriched, summary.quarantine) == (3, {})


def test_a_server_that_stays_down_and_a_spent_budget_end_the_run(tmp_path: Path) -> None:
    texts = {f"i{n}": f"Film {n}" for n in range(200)}
    server = FakeServer(lambda _: httpx.Response(503))
    assert len(enrich(server, tmp_path, texts).quarantine) == 200
    assert len(server.requests) < 20
    server = FakeServer(describe)
    summary = enrich(server, tmp_path, texts, tokens_per_day=20_000)
    assert 0 < summary.enriched < 200
    assert {error.status for error in summary.quarantine.values()} == {"over budget"}


def test_texts_become_views_whose_use_the_knockout_shows(
    world: Path,
    features: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Through the command line, from the items' texts to a bundle."""
    out = tmp_path / "texts.jsonl"
    data = {"path": str(world), "text": ["title", "description"], "image": "image"}
    tree = {"preset": "shop", "data": data, "encode": {"image": {"use": "descriptor"}},
            "cache": str(features)}  # fmt: skip
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps(tree))
    with FakeAddress(describe) as address:
        words = address.settings(tmp_path)
        fields = ["--field", "summary", "--field", "tags", "--json"]
        command = ["enrich", config, "--out", out, "--language-model", words, *fields]
        monkeypatch.setattr("sys.argv", ["polyrec", *map(str, command)])
        for _ in range(2):
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
            counts = json.loads(capsys.readouterr().out)
        assert (counts["new"], counts["quarantine"]) == (0, [])
        assert counts["enriched"] == len(address.prompts) > 50
    texts = {"summary": "enriched_summary", "tags": "enriched_tags"}
    items = next(path.name for path in world.glob("items.*"))
    tree |= {
        "data": {**data, "items": [items, str(out)], "texts": texts},
        "encode": {"text": {"use": "lsa"}, "summary": {"use": "lsa"}, "tags": {"use": "lsa"}},
        "recommend": {"use": "multimodal_linear", "l2": 20, "content_l2": 5},
    }
    bundle = polyrec.run(parse_config(tree, folder=tmp_path))
    assert {"text", "summary", "tags"} < set(bundle.views)
    knocked = evaluate_robustness(bundle, "knockout", ["ndcg@5"])
    assert {"summary", "tags"} <= {row["modality"] for row in knocked}


def test_further_texts_have_names_of_their_own(world: Path) -> None:
    tree = {"data": {"path": str(world), "texts": {"image": "title"}}}
    with pytest.raises(ConfigError, match="another name than image"):
        parse_config(tree, folder=world)


def test_texts_without_a_named_encoder_get_the_default_of_texts(world: Path) -> None:
    from polyrec.pipeline.default_encoders import default_encoder

    assert default_encoder("summary", ["海", "狗"]).use in ("lsa", "e5")
