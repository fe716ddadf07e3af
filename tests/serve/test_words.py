"""A service with a language model: requests answer in time whatever it does, lists keep items."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from fastapi.testclient import TestClient

from benchmarks.library.lying_model import wording
from fake_language_model import Endless, FakeAddress
from polyrec.artifact.bundle import Bundle
from polyrec.dashboard import mount
from polyrec.errors import ConfigError
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

USES = ("reasons", "lists", "chat")
V2 = {"X-API-Version": "2"}


def answer(data: dict) -> str:
    """Return a wording, or the reverse of a list."""
    if "items" in data and "sources" in data:
        return wording(data, lie=False, number=0)
    if "items" in data:
        return f'{{"order": {[item["number"] for item in reversed(data["items"])]}}}'
    return "{}"


@contextmanager
def serving(
    settings: Settings, path: Path | None, *, uses: tuple[str, ...] = USES, timeout_s: float = 1
) -> Iterator[TestClient]:
    changed = replace(settings, language_model=path, language_model_uses=uses,
                      language_model_timeout_s=timeout_s)  # fmt: skip
    with TestClient(mount(create_app(changed))) as client:
        yield client


def liked(client: TestClient, bundle: Bundle, user: str = "ann") -> str:
    """Send feedback of a user, and return an item with a reason."""
    body = [{"FeedbackType": "like", "UserId": user, "ItemId": bundle.ids[i]} for i in (3, 9)]
    assert client.post("/api/feedback", json=body).is_success
    for item in client.get(f"/api/recommend/{user}").json():
        if client.get(f"/api/explain/{user}/{item}").json()["Text"]:
            return item
    raise AssertionError


@pytest.fixture
def known(bundle: Bundle) -> Bundle:
    return bundle


def test_reasons_are_worded_by_the_model_if_it_may(
    settings: Settings, known: Bundle, tmp_path: Path
) -> None:
    with FakeAddress(answer) as address:
        path = address.settings(tmp_path)
        with serving(settings, path) as client:
            item = liked(client, known)
            text = client.get(f"/api/explain/ann/{item}").json()["Text"]
            assert text.startswith("We recommend this because of “")
            assert "We recommend this" in client.get("/dashboard/user?id=ann").text
        with serving(settings, path, uses=("lists",)) as client:
            assert client.get(f"/api/explain/ann/{item}").json()["Text"].startswith("Because of “")
    sent = {key for prompt in address.prompts for key in prompt}
    assert sent == {"language", "items", "sources", "variant"}  # no titles, nothing of a person


def test_pages_are_reordered_by_the_model_and_keep_items_scores_and_offset(
    settings: Settings, known: Bundle, tmp_path: Path
) -> None:
    with FakeAddress(answer) as address, serving(settings, address.settings(tmp_path)) as client:
        liked(client, known)
        address.prompts.clear()
        for path in ("recommend/ann?n=7&offset=3", "collaborative-filtering/ann?n=5"):
            plain = client.get(f"/api/{path}", headers=V2)
            assert "x-recommend-reranked" not in plain.headers
            ordered = client.get(f"/api/{path}&rerank=true", headers=V2)
            assert ordered.json() == plain.json()[::-1]
            assert ordered.headers["x-recommend-reranked"] == "true"
        events = [{"FeedbackType": "like", "UserId": "", "ItemId": known.ids[3]}]
        session = client.post("/api/session/recommend?n=4", json=events).json()
        ordered = client.post("/api/session/recommend?n=4&rerank=true", json=events)
        assert ordered.json() == session[::-1]
        assert client.get("/api/recommend/ann?rerank=perhaps").status_code == 400
        assert len(address.prompts) == 3
        for prompt in address.prompts:
            assert set(prompt) == {"history", "items"}
            assert [i for i in known.ids if i in str(prompt)] == [], prompt


@pytest.mark.parametrize("uses", [(), ("reasons", "chat")])
def test_lists_are_reordered_only_if_the_setting_allows_it(
    settings: Settings, tmp_path: Path, uses: tuple[str, ...]
) -> None:
    with FakeAddress(answer) as address:
        with serving(settings, address.settings(tmp_path), uses=uses) as client:
            ordered = client.get("/api/recommend/ann?rerank=true")
            assert ordered.json() == client.get("/api/recommend/ann").json()
            assert ordered.headers["x-recommend-reranked"] == "false"
        assert address.prompts == []


def test_messages_of_any_language_are_read_if_the_model_may(
    settings: Settings, tmp_path: Path
) -> None:
    body = {"Message": "eine Lampe, nicht über 20 Euro", "UserId": "ann"}
    item = {"ItemId": "lamp", "Comment": "Lamp", "Categories": ["Lamp"], "Labels": {"price": 9}}
    rewritten = '{"message": "lamp under 20 euros"}'
    for uses, category in ((("chat",), ["Lamp"]), (("lists",), [])):
        with FakeAddress(lambda _: rewritten) as address:
            path = address.settings(tmp_path)
            with serving(settings, path, uses=uses) as client:
                client.post("/api/item", json=item)
                state = client.post("/api/chat", json=body).json()["State"]
                assert state["Categories"] == category
                assert state["Ranges"].keys() == {"price"}
            assert address.prompts == ([{"message": body["Message"]}] if category else [])


FAILURES = {
    "slow": lambda _: 60.0, "limited": lambda _: 429, "refused": lambda _: 401,
    "broken": lambda _: 500, "not JSON": lambda _: "Sure! Here it is", "endless": lambda _: Endless,
    "empty": lambda _: '{"order": [], "text": ""}', "repeats": lambda _: '{"order": [1, 1]}',
    "others": lambda data: f'{{"order": {list(range(2, len(data["items"]) + 2))}}}',
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_no_request_fails_or_is_late_because_of_the_model(
    settings: Settings, known: Bundle, tmp_path: Path, name: str
) -> None:
    with FakeAddress(FAILURES[name]) as address:
        path = address.settings(tmp_path, retries=1, timeout_s=60)
        with serving(settings, path, timeout_s=0.2) as client:
            item = liked(client, known)
            check_without_model(client, item)
        assert address.prompts


def test_a_model_that_is_down_changes_nothing(
    settings: Settings, known: Bundle, tmp_path: Path
) -> None:
    with FakeAddress(answer) as address:
        pass
    with serving(settings, address.settings(tmp_path), timeout_s=0.2) as client:
        check_without_model(client, liked(client, known))


def check_without_model(client: TestClient, item: str) -> None:
    """Check that lists, reasons and replies are those without a model, and in time."""
    calls: list[Callable] = [
        lambda: client.get("/api/recommend/ann?rerank=true"),
        lambda: client.get(f"/api/explain/ann/{item}"),
        lambda: client.get("/dashboard/user?id=ann"),
        lambda: client.post("/api/chat", json={"Message": "something like it", "UserId": "ann"}),
    ]
    for call in calls:
        began = time.monotonic()
        response = call()
        assert time.monotonic() - began < 15  # the machine may be busy; the model takes 60
        assert response.status_code == 200, response.text
    plain = client.get("/api/recommend/ann")
    ordered = calls[0]()
    assert ordered.json() == plain.json()
    assert ordered.headers["x-recommend-reranked"] == "false"
    assert calls[1]().json()["Text"].startswith("Because of “")


def test_other_requests_are_answered_while_the_model_is_slow(
    settings: Settings, known: Bundle, tmp_path: Path
) -> None:
    with (
        FakeAddress(lambda _: 2.0) as address,
        serving(settings, address.settings(tmp_path), timeout_s=0.9) as client,
    ):
        liked(client, known)
        began, before = time.monotonic(), len(address.prompts)
        waiting = [
            Thread(target=client.get, args=("/api/recommend/ann?rerank=true",)) for _ in range(8)
        ]
        for thread in waiting:
            thread.start()
        while len(address.prompts) < before + 3 and time.monotonic() < began + 1:
            time.sleep(0.01)
        assert client.get("/api/recommend/ann").status_code == 200
        assert any(thread.is_alive() for thread in waiting)
        for thread in waiting:
            thread.join()


def test_nothing_of_a_person_is_in_the_cache(
    settings: Settings, known: Bundle, tmp_path: Path
) -> None:
    """So erasing the person has nothing to remove there."""
    user, words = "erased-user-7", "zanzibar expedition"
    with FakeAddress(answer) as address, serving(settings, address.settings(tmp_path)) as client:
        item = liked(client, known, user)
        titles = [client.get(f"/api/item/{i}").json()["Comment"] for i in known.ids[:20]]
        client.get(f"/api/recommend/{user}?rerank=true")
        client.get(f"/api/explain/{user}/{item}")
        client.post("/api/chat", json={"Message": words, "UserId": user})
        client.post("/api/session/recommend?rerank=true", json=[{"ItemId": known.ids[3]}])
        assert client.delete(f"/api/user/{user}").is_success
        assert not any(user in str(prompt) for prompt in address.prompts)
        cache = tmp_path / "cache"
        stored = b"".join(path.read_bytes() for path in cache.iterdir())
        assert len(stored) > 4096
        for text in (user, words, "order", item, *(title.split("\n")[0] for title in titles)):
            assert text.encode() not in stored
    with sqlite3.connect(cache / "words.sqlite") as database:
        answers = [row[0] for row in database.execute("SELECT answer FROM answers")]
    assert answers
    assert all("{item1}" in text for text in answers)


def test_settings_that_are_wrong_stop_the_start(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("use: address\nurl: nowhere\nmodel: m\n")
    with pytest.raises(ConfigError, match="not the address"), serving(settings, path):
        raise AssertionError
