"""A conversation with the service: words become lists that keep every condition."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fake_language_model import FakeAddress
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

ITEMS = """
c1 | 1994 | Comedy          | 5  | light | Sunny Days\\nA funny family on the beach
c2 | 2001 | Comedy          | 15 | dark  | Office Party\\nA clown in the office
c3 | 2015 | Comedy, Romance | 25 | light | Love Boat\\nA couple at sea
d1 | 1985 | Drama           | 8  | dark  | The Lighthouse\\nA keeper and the sea
d2 | 2019 | Drama           | 30 | dark  | The Trial\\nA court and a clown
h1 | 1999 | Horror          | 10 | dark  | Night Fog\\nA ghost comes from the sea
h2 | 2020 | Horror, Romance | 12 |       | Love Ghost\\nA ghost falls in love
"""


class Chat:
    """Sends messages, and the state of each reply with the next one."""

    def __init__(self, client: TestClient, user: str = "") -> None:
        self._client, self._user = client, user
        self.state: dict[str, Any] = {}
        self.answer: dict[str, Any] = {}

    def __call__(self, message: str, *, n: int = 10) -> set[str]:
        body = {"Message": message, "UserId": self._user, "State": self.state, "N": n}
        response = self._client.post("/api/chat", json=body)
        assert response.status_code == 200, response.json()
        self.answer = response.json()
        self.state = self.answer["State"]
        return {item["Id"] for item in self.answer["Items"]}


def insert_items(client: TestClient) -> None:
    body = []
    for line in ITEMS.strip().splitlines():
        item, year, categories, price, tone, text = (part.strip() for part in line.split("|"))
        labels = {"price": int(price)} | ({"tone": [tone]} if tone else {})
        comment = text.replace("\\n", "\n")
        values = {"Categories": categories.split(", "), "Labels": labels, "Comment": comment}
        body.append({"ItemId": item, "Timestamp": f"{year}-06-01", **values})
    assert client.post("/api/items", json=body).json() == {"RowAffected": len(body)}


@pytest.fixture
def chat(client: TestClient) -> Callable[..., Chat]:
    """Return a function that begins a conversation about the items above and the bundle's."""
    insert_items(client)
    return lambda user="": Chat(client, user)


TURNS: list[tuple[str, set[str] | None]] = [
    ("hi", set()),
    ("show me comedies", {"c1", "c2", "c3"}),
    ("under 20 euros", {"c1", "c2"}),
    ("without clowns", {"c1", "c2"}),  # the word is "clown" there
    ("no clown either", {"c1"}),
    ("why the first?", {"c1"}),
    ("start over", None),
    ("dramas or horror", {"d1", "d2", "h1", "h2"}),
    ("from after 1990", {"d2", "h1", "h2"}),
    ("no romance", {"d2", "h1"}),
    ("cheaper", {"h1"}),
    ("any price", {"d2", "h1"}),
    ("the year doesn't matter", {"d1", "d2", "h1"}),
    ("only dark ones", {"d1", "d2", "h1"}),
    ("at least 10 dollars", {"d2", "h1"}),
    ("comedies", {"c2"}),  # another category, the rest stays
    ("any category", {"c2", "c3", "d2", "h1", "h2"}),
    ("reset: romance", {"c3", "h2"}),
    ("not horror", {"c3"}),
    ("horror", {"h1", "h2"}),  # is wanted after all, in place of romance
    ("new search", None),
    ("items like Night Fog, only horror", {"h2"}),
    ("why", {"h2"}),
    ("start over, a romantic comedy", {"c3"}),
    ("between 1 and 10 euros", set()),
    ("any price", {"c3"}),
    ("also dramas", set()),  # a comedy and a drama
    ("start over: comedy or drama under 10", {"c1", "d1"}),
    ("newer", {"c1"}),
    ("any year", {"c1", "d1"}),
    ("light", {"c1"}),
    ("dark", {"d1"}),
    ("not dark", {"c1"}),
    ("start over. from the 80s, dramas", {"d1"}),
    ("before 1980", set()),
    ("since 1980", {"d1", "d2"}),
    ("start over: horror, no sea", {"h2"}),
    ("at most 11 euros", set()),
    ("forget the price", {"h2"}),
    ("thanks!", set()),
]


def hold_forty_turns(say: Chat) -> None:
    assert len(TURNS) == 40
    for message, expected in TURNS:
        listed = say(message)
        if expected is not None:
            assert listed == expected, (message, say.answer["Reply"])


def test_a_conversation_of_forty_turns(chat: Callable[..., Chat]) -> None:
    hold_forty_turns(chat())


def test_forty_turns_with_a_language_model(settings: Settings, tmp_path: Path) -> None:
    answers = [
        lambda message: json.dumps({"message": message}),
        lambda message: json.dumps({"message": re.sub(r"\d+", "7", message)}),  # not its numbers
        lambda _: "Sure! Here it is",
        lambda message: json.dumps({"message": f'{message}, like "Night Fog" and more'}),
        lambda _: 500,
    ]
    turn = count()
    with FakeAddress(lambda data: answers[next(turn) % 5](data["message"])) as address:
        words = {"language_model": address.settings(tmp_path, retries=0)}
        changed = replace(settings, language_model_uses=("chat",), **words)
        with TestClient(create_app(changed)) as client:
            insert_items(client)
            hold_forty_turns(Chat(client))
    assert len(address.prompts) > 10


def test_words_search_and_pages_go_on(chat: Callable[..., Chat]) -> None:
    say = chat()
    say("a ghost from the sea", n=2)
    assert say.answer["Items"][0] == {"Id": "h1", "Title": "Night Fog"}
    assert say.state["Text"] == "ghost sea"
    first = {item["Id"] for item in say.answer["Items"]}
    assert say("more", n=2).isdisjoint(first)
    assert say.state["Offset"] == 2
    say("with a couple")
    assert (say.state["Text"], say.state["Offset"]) == ("ghost sea couple", 0)
    say("court clown")
    assert say.state["Text"] == "court clown"
    assert say.answer["Items"][0]["Id"] == "d2"


def test_a_reply_names_visible_items_alone(chat: Callable[..., Chat], client: TestClient) -> None:
    say = chat()
    client.patch("/api/item/h1", json={"IsHidden": True})
    client.delete("/api/item/h2")
    assert say("horror") == set()
    assert "Horror" in say.answer["Reply"]
    say.state = {}
    assert "h1" not in say("like Night Fog")
    assert say.state["Items"] == []  # its title is no item's now
    say.state = {"Items": ["h2", "nobody"], "Shown": ["h2"]}
    assert say("why") == set()


def test_a_user_s_history_counts(
    chat: Callable[..., Chat], like: Callable[..., None], client: TestClient
) -> None:
    say = chat("u0003")
    everything = say("surprise me")
    assert everything
    assert everything == set(client.get("/api/recommend/u0003?n=10").json())
    say("why the first")
    assert "your history has" in say.answer["Reply"]
    like("new", "c1")
    say = chat("new")
    assert say("comedies") == {"c2", "c3"}  # c1 was seen


def test_a_profile_in_words_is_what_the_history_has(
    chat: Callable[..., Chat], like: Callable[..., None], client: TestClient
) -> None:
    like("new", "c1", "c2", "h1", "c3")
    say = chat("new")
    assert say("What do you think I like?") == {"c3", "h1", "c2"}
    reply = say.answer["Reply"]
    assert "4 items, lately Love Boat, Night Fog, Office Party." in reply
    assert "Comedy (3)" in reply
    assert "Drama" not in reply
    client.delete("/api/feedback/new/c1")
    client.delete("/api/feedback/new/c2")  # a person corrects it
    say("my profile")
    assert "2 items" in say.answer["Reply"]
    assert "Comedy" not in say.answer["Reply"]
    stranger = chat("nobody")
    assert stranger("what is my taste") == set()
    assert "history is empty" in stranger.answer["Reply"]


def test_a_profile_is_edited_in_words(
    chat: Callable[..., Chat], like: Callable[..., None], client: TestClient
) -> None:
    like("new", "c1", "c2", "h1")
    say = chat("new")
    assert {"h2", "c3"} <= say("surprise me", n=100)
    listed = say("I don't like horror any more", n=100)
    assert "Noted: you don't like Horror." in say.answer["Reply"]
    assert "h2" not in listed
    say.state = {}
    assert "h2" not in say("something for tonight", n=100)  # another conversation
    assert "h2" not in client.get("/api/recommend/new?n=100").json()
    say("what do you think I like?")
    assert "You stated: you don't like Horror." in say.answer["Reply"]
    assert "Comedy (2)" in say.answer["Reply"]
    say("forget that I like comedies")
    assert "Comedy in your history does not count" in say.answer["Reply"]
    say("my profile")
    assert "Comedy (2)" not in say.answer["Reply"]
    say("undo")
    assert "That is undone." in say.answer["Reply"]
    say("undo that")
    say("undo")
    assert "nothing to undo" in say.answer["Reply"]
    assert "h2" in client.get("/api/recommend/new?n=100").json()
    say("remember that I love dramas about the sea")
    assert "you like Drama" in say.answer["Reply"]
    say('never show me "Love Ghost" again')
    assert "you don't like Love Ghost" in say.answer["Reply"]
    assert "h2" not in client.get("/api/recommend/new?n=100").json()


def test_nothing_is_kept_of_nobody_or_with_a_key_that_may_not_write(
    chat: Callable[..., Chat], guarded: TestClient, key: Callable[..., str]
) -> None:
    say = chat()
    assert "h1" not in say("I don't like horror any more", n=100)  # in this conversation
    assert "I can't keep that" in say.answer["Reply"]
    reader, writer = key("read"), key("read", "write")
    body = {"Message": "I don't like lamps any more", "UserId": "u0003"}
    for text, kept in ((reader, False), (writer, True)):
        headers = {"X-API-Key": text}
        reply = guarded.post("/api/chat", json=body, headers=headers).json()["Reply"]
        assert ("Noted" in reply) == kept
        profile = guarded.get("/api/user/u0003/profile", headers=headers).json()
        assert bool(profile["Tastes"]) == kept


def test_a_conversation_in_chinese(chat: Callable[..., Chat], like: Callable[..., None]) -> None:
    like("new", "c1", "h1")
    say = chat("new")
    turns: list[tuple[str, set[str] | None, str]] = [
        ("你好", set(), "请描述你想找什么"),
        ("我想看喜剧", {"c2", "c3"}, "2 件：Comedy"),
        ("二十块以下", {"c2"}, "price 不超过 20"),
        ("为什么推荐第一个？", {"c2"}, "你的历史里有"),
        ("价格不限", {"c2", "c3"}, "找到"),
        ("不要浪漫的", {"c2"}, "不要Romance"),
        ("重新开始，2010年以后的恐怖片", {"h2"}, "2010-01-01 以来"),
        ("便宜得像空气", None, ""),
        ("重新开始", None, "为你推荐"),
        ("我不再喜欢恐怖片了", None, "记住了：你不喜欢Horror"),
        ("你觉得我喜欢什么？", {"c1"}, "你说过：你不喜欢Horror"),
        ("撤销", None, "已撤销"),
        ("评分四星以上的", None, "没有这些条件的数据"),
        ("start over", None, "for you"),
    ]
    for message, expected, reply in turns:
        listed = say(message, n=20)
        assert reply in say.answer["Reply"], (message, say.answer["Reply"])
        if expected is not None:
            assert listed == expected, (message, say.answer["Reply"])


def test_what_can_not_be_filtered_is_said(chat: Callable[..., Chat]) -> None:
    say = chat()
    say("comedies rated 4 or better")
    assert say.answer["Unknown"] == ["rated 4 or better"]
    assert "rated 4 or better" in say.answer["Reply"]


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "Message"),
    ({"Message": "x" * 1_001}, "Message"),
    ({"Message": "a\0b"}, "Message"),
    ({"Message": "a", "Satte": {}}, "Satte"),
    ({"Message": "a", "State": {"Offset": -1}}, "Offset"),
    ({"Message": "a", "State": {"Ranges": {"price": {"Min": "x"}}}}, "Min"),
    ({"Message": "a", "N": 10**9}, "n"),
    ({"Message": "a", "N": 0}, "N"),
]


def test_bad_input_is_refused(client: TestClient) -> None:
    for body, what in BAD_BODIES:
        response = client.post("/api/chat", json=body)
        assert response.status_code == 400
        assert what in str(response.json())


def test_any_valid_state_is_answered(chat: Callable[..., Chat]) -> None:
    say = chat()
    for state in (
        {"Categories": ["none"], "Labels": {"x": ["y"]}, "Ranges": {"price": {}}, "Offset": 10**6},
        {"Times": {"After": "2000-01-01", "Before": "1990-01-01"}},
        {"Times": {}, "Items": ["nobody"], "Negative": ["nobody"], "Shown": ["nobody"]},
        {"Text": "word " * 900, "UnwantedWords": ["", " ", "x" * 500]},
        {"Ranges": {"price": {"Min": 5, "Max": 1}}},
    ):
        for message in ("", "more", "why", "cheaper", "older", "a ghost"):
            say.state = state
            say(message)
