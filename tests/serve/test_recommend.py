"""What is recommended, to whom, and why."""

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient

from polyrec.artifact.bundle import Bundle
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.serve.app import create_app
from polyrec.serve.ranking.mmr import diversify
from polyrec.serve.state.history import History
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Embeddings


def listed(client: TestClient, user: str, **parameters: object) -> list[str]:
    answer = client.get(f"/api/recommend/{user}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def batch(client: TestClient, **body: object) -> dict:
    answer = client.post("/api/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["Results"][0]


def ids(result: dict) -> list[str]:
    return [item["Id"] for item in result["Items"]]


def test_a_user_gets_what_the_bundle_recommends(client: TestClient, bundle: Bundle) -> None:
    for user in bundle.users[:5]:
        answer = client.get(f"/api/recommend/{user}", params={"n": 7})
        assert answer.json() == bundle.recommend([user], k=7).ids[0]
        assert answer.headers["X-Recommend-Source"] == "user"


def test_the_model_does_not_know_an_erased_user_even_if_they_come_back(
    two_workers: tuple[TestClient, TestClient], bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other = bundle.users[3], bundle.users[4]
    scored_users: list[int] = []
    scored = MultimodalLinear.score

    def score(self, query):
        scored_users.extend(query.users.tolist())
        return scored(self, query)

    monkeypatch.setattr(MultimodalLinear, "score", score)

    def rows(client: TestClient) -> list[int]:
        scored_users.clear()
        listed(client, user)
        client.get(f"/api/explain/{user}/{bundle.ids[9]}")
        batch(client, Users=[user, other])
        return sorted({*scored_users})

    assert [rows(client) for client in two_workers] == [[3, 4]] * 2
    two_workers[0].delete(f"/api/user/{user}")
    again = [{"FeedbackType": "like", "UserId": user, "ItemId": bundle.ids[0]}]
    two_workers[1].post("/api/feedback", json=again)
    assert [rows(client) for client in two_workers] == [[-1, 4]] * 2
    assert [c.get("/api/model").json()["Erased"] for c in two_workers] == [1, 1]
    assert "polyrec_model_erased_users 1.0" in two_workers[1].get("/metrics").text
    with TestClient(create_app(two_workers[0].app.state.service.settings)) as restarted:
        assert restarted.app.state.service.live.user_row(user) == -1
        assert restarted.app.state.service.live.user_row(other) == 4


def test_an_event_counts_in_the_very_next_request(client: TestClient, like: Callable) -> None:
    before = listed(client, "new")
    like("new", before[0])
    after = client.get("/api/recommend/new")
    assert before[0] not in after.json()
    assert after.headers["X-Recommend-Source"] == "user"
    session = client.post("/api/session/recommend", json=[{"ItemId": before[0]}]).json()
    assert [pair["Id"] for pair in session] == after.json()
    client.delete(f"/api/feedback/new/{before[0]}")
    assert listed(client, "new") == before


def test_an_event_counts_at_every_worker(two_workers: tuple[TestClient, TestClient]) -> None:
    first, second = two_workers
    for turn in range(4):
        writer, reader = (first, second) if turn % 2 else (second, first)
        best = listed(reader, "ann")[0]
        event = {"FeedbackType": "like", "UserId": "ann", "ItemId": best}
        assert writer.post("/api/feedback", json=[event]).status_code == 200
        assert best not in listed(reader, "ann", n=60)
        assert listed(reader, "ann") == listed(writer, "ann")


def test_hidden_deleted_and_shown_again_at_every_worker(
    two_workers: tuple[TestClient, TestClient],
) -> None:
    first, second = two_workers
    best, next_best = listed(second, "u0003", n=2)
    first.patch(f"/api/item/{best}", json={"IsHidden": True})
    assert best not in listed(second, "u0003", n=60)
    first.patch(f"/api/item/{best}", json={"IsHidden": False})
    assert listed(second, "u0003", n=2) == [best, next_best]
    first.delete(f"/api/item/{best}")
    assert best not in listed(second, "u0003", n=60)
    assert best not in [pair["Id"] for pair in second.get("/api/latest?n=100").json()]


def test_a_deleted_user_is_a_stranger_at_every_worker(
    two_workers: tuple[TestClient, TestClient],
) -> None:
    first, second = two_workers
    personal, stranger = listed(second, "u0003", n=60), listed(second, "nobody", n=60)
    assert personal != stranger
    assert first.delete("/api/user/u0003").json() == {"RowAffected": 1}
    for worker in (first, second):
        answer = worker.get("/api/recommend/u0003", params={"n": 60})
        assert len(answer.json()) == 60  # nothing is known to be seen
        assert answer.headers["X-Recommend-Source"] == "popular"
        assert worker.get("/api/user/u0003/feedback").json() == []


def test_events_from_many_threads_are_all_there(client: TestClient) -> None:
    def send(who: int) -> int:
        events = [
            {"FeedbackType": "like", "UserId": f"p{who}", "ItemId": f"i{i:04d}"} for i in range(10)
        ]
        return client.post("/api/feedback", json=events).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(40))) == {200}
    for who in range(40):
        assert len(client.get(f"/api/user/p{who}/feedback").json()) == 10


def test_a_page_goes_on_where_the_one_before_ended(client: TestClient) -> None:
    full = listed(client, "u0003", n=30)
    assert listed(client, "u0003", n=10) + listed(client, "u0003", n=20, offset=10) == full
    assert listed(client, "u0003", n=0) == []
    assert listed(client, "u0003", n=10, offset=1_000) == []


def test_version_two_brings_scores(client: TestClient, bundle: Bundle) -> None:
    answer = client.get("/api/recommend/u0003?n=3", headers={"X-API-Version": "2"}).json()
    result = bundle.recommend(["u0003"], k=3)
    assert [pair["Id"] for pair in answer] == result.ids[0]
    assert [pair["Score"] for pair in answer] == pytest.approx(result.scores[0], rel=1e-4)


def test_kinds_weigh_what_the_config_says(client: TestClient, like: Callable) -> None:
    like("lover", "i0003")
    liked = listed(client, "lover", n=5)
    like("hater", "i0003", kind="dislike")
    hated = listed(client, "hater", n=60)
    assert set(liked) & set(hated[-20:])
    assert liked != hated[:5]
    like("reader", "i0003", kind="read")  # seen, and no more
    answer = client.get("/api/recommend/reader", params={"n": 60})
    assert answer.headers["X-Recommend-Source"] == "popular"
    assert "i0003" not in answer.json()


def test_what_is_written_back_is_not_recommended_again_once_its_time_has_come(
    client: TestClient,
) -> None:
    first = listed(client, "ann", n=5)
    later = {"n": 5, "write-back-type": "read", "write-back-delay": "10m"}
    assert listed(client, "ann", **later) == first
    assert listed(client, "ann", n=5) == first  # in ten minutes, not now
    assert client.get("/api/user/ann/feedback").json() == []
    now = {"n": 5, "write-back-type": "glance"}
    assert listed(client, "ann", **now) == first
    assert not set(first) & set(listed(client, "ann", n=55))
    assert len(client.get("/api/user/ann/feedback/glance").json()) == 5


def test_categories_labels_and_numbers_filter(client: TestClient) -> None:
    for number, item in enumerate(("i0003", "i0009", "i0012", "i0020")):
        labels = {"colour": ["red", "blue"][number % 2], "price": 10 * number, "tags": ["x"]}
        body = {"Categories": ["film", "old"][: 1 + (number > 1)], "Labels": labels}
        client.patch(f"/api/item/{item}", json=body)
    assert set(listed(client, "ann", category="film")) == {"i0003", "i0009", "i0012", "i0020"}
    assert set(listed(client, "ann", category=["film", "old"])) == {"i0012", "i0020"}
    assert set(client.get("/api/recommend/ann/old").json()) == {"i0012", "i0020"}
    query = {"Users": ["ann"], "Labels": {"colour": ["red"]}, "Ranges": {"price": {"Min": 15}}}
    result = batch(client, **query)
    assert ids(result) == ["i0012"]
    assert result["Reasons"] == ["60 items may be shown", "1 of them pass the filters"]
    assert ids(batch(client, Users=["ann"], Ranges={"price": {"Min": 10, "Max": 10}})) == ["i0009"]
    assert ids(batch(client, Users=["ann"], Labels={"colour": ["green"]})) == []
    client.delete("/api/item/i0012/category/old")
    client.patch("/api/item/i0020", json={"Labels": {}})
    assert listed(client, "ann", category="old") == ["i0020"]
    assert set(ids(batch(client, Users=["ann"], Labels={"tags": ["x"]}))) == {
        "i0003", "i0009", "i0012",
    }  # fmt: skip


def test_a_batch_answers_users_and_histories_as_single_questions_do(
    client: TestClient, bundle: Bundle
) -> None:
    body = {"Users": ["u0003", "nobody"], "Histories": [["i0003", "i0009"], []], "N": 7}
    answer = client.post("/api/recommend", json=body).json()
    assert answer["Model"] == "bundle"
    known, unknown, session, empty = answer["Results"]
    assert ids(known) == bundle.recommend(["u0003"], k=7).ids[0]
    assert ids(session) == bundle.recommend(histories=[["i0003", "i0009"]], k=7).ids[0]
    assert ids(unknown) == ids(empty) == listed(client, "nobody", n=7)
    sources = [r["Sources"] for r in answer["Results"]]
    assert sources == [["user"], ["popular"], ["session"], ["popular"]]
    assert [r["UserId"] for r in answer["Results"]] == ["u0003", "nobody", None, None]


def test_exclusions_and_what_was_seen(client: TestClient, bundle: Bundle) -> None:
    best = listed(client, "u0003", n=3)
    result = batch(client, Users=["u0003"], Exclude=[best[0], "unknown"], N=60)
    assert best[0] not in ids(result)
    assert len(ids(result)) == 60 - 1 - len(set(bundle.history("u0003")))
    seen = len(set(bundle.history("u0003")))
    assert result["Reasons"] == [
        "60 items may be shown", "59 of these are not excluded",
        f"{59 - seen} of these were not seen yet",
    ]  # fmt: skip
    assert len(ids(batch(client, Users=["u0003"], N=60, HideSeen=False))) == 60


def test_scores_never_rise_along_a_list(client: TestClient) -> None:
    client.post("/api/item", json={"ItemId": "fresh"})  # the model doesn't know it
    result = batch(client, Histories=[["i0003"]], N=100)
    scores = [item["Score"] for item in result["Items"]]
    assert scores == sorted(scores, reverse=True)
    assert [item["Source"] for item in result["Items"]] == ["session"] * 59 + ["popular"]
    assert ids(result)[-1] == "fresh"


def test_what_is_looked_at_right_now_counts_as_the_latest_event(client: TestClient) -> None:
    looking = batch(client, Histories=[["i0003"]], Context={"Items": ["i0009"]}, N=5)
    assert ids(looking) == ids(batch(client, Histories=[["i0003", "i0009"]], N=5))


def test_items_that_suit_the_context_are_raised(client: TestClient) -> None:
    full = ids(batch(client, Users=["u0003"], N=40))
    suited = full[20]
    client.patch(f"/api/item/{suited}", json={"Labels": {"season": "winter"}})
    raised = ids(batch(client, Users=["u0003"], N=40, Context={"Labels": {"season": ["winter"]}}))
    assert raised.index(suited) < 20
    assert [item for item in raised if item != suited] == [i for i in full if i != suited]


def test_diversity_brings_items_that_differ(client: TestClient, bundle: Bundle) -> None:
    def spread(names: list[str]) -> float:
        rows = bundle.views["fused"].vectors[[bundle.rows[name] for name in names]]
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return float((unit @ unit.T).mean())

    plain = ids(batch(client, Users=["u0003"], N=10))
    mixed = ids(batch(client, Users=["u0003"], N=10, Diversity=0.7))
    assert ids(batch(client, Users=["u0003"], N=10, Diversity=0)) == plain
    assert mixed[0] == plain[0]
    assert spread(mixed) < spread(plain)


def test_diversify_agrees_with_the_formula() -> None:
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((30, 4)).astype(np.float32)
    vectors[5] = 0
    scores = draw.random(30).astype(np.float32)
    relevance = (scores - scores.min()) / np.ptp(scores)
    lengths = np.linalg.norm(vectors, axis=1)

    def cosine(i: int, j: int) -> float:
        length = lengths[i] * lengths[j]
        return float(vectors[i] @ vectors[j] / length) if length else 0.0

    for share in (0.2, 0.5, 1.0):
        picked: list[int] = []
        for _ in range(10):
            gains = {
                i: (1 - share) * relevance[i]
                - share * max((cosine(i, j) for j in picked), default=0.0)
                for i in range(30)
                if i not in picked
            }
            picked.append(max(gains, key=gains.get))
        mine = diversify(scores, vectors, 10, diversity=share)
        assert mine.tolist() == picked


def test_items_that_only_content_knows_answer_by_content(
    client: TestClient, bundle: Bundle
) -> None:
    """A model that can't take in items (behaviour alone) leaves them to content."""
    service = client.app.state.service
    service.model_updater.close()  # or it would put its own model in this one's place
    twin = bundle.rows["i0003"]
    views = {name: view.take([twin]) for name, view in bundle.views.items()}
    recommender = _WithoutGrowth(bundle.parts.recommender)
    frozen = ServingModel(bundle, recommender, bundle.ids, bundle.views, len(bundle.ids))
    service.live.replace_model(frozen.append_items(["twin"], views))
    client.post("/api/item", json={"ItemId": "twin"})
    result = batch(client, Histories=[["twin"]], N=5)
    assert result["Sources"] == ["content"]
    neighbours = bundle.similar("i0003", k=4)
    assert ids(result) == ["i0003", *neighbours.ids[0]]


class _WithoutGrowth:
    def __init__(self, recommender: object) -> None:
        self.score, self.usable = recommender.score, recommender.usable


def test_an_item_added_later_is_recommended(client: TestClient, bundle: Bundle) -> None:
    service = client.app.state.service
    service.model_updater.close()
    twin = bundle.rows["i0003"]
    views = {name: view.take([twin]) for name, view in bundle.views.items()}
    client.post("/api/item", json={"ItemId": "twin"})
    service.live.replace_model(service.live.model.append_items(["twin"], views))
    result = batch(client, Histories=[["i0003"]], N=60)
    assert "twin" in [item["Id"] for item in result["Items"] if item["Source"] == "session"]
    neighbours = client.get("/api/item/i0003/neighbors?n=1").json()
    assert neighbours[0]["Id"] == "twin"
    client.delete("/api/item/twin")
    assert "twin" not in ids(batch(client, Histories=[["i0003"]], N=60))


def test_a_view_of_nothing_is_grown_where_none_is_given(bundle: Bundle) -> None:
    grown = ServingModel.from_bundle(bundle).append_items(["bare"], {})
    assert grown.ids[-1] == "bare"
    assert not grown.views["text"].present[-1]
    assert isinstance(grown.views["text"], Embeddings)


def test_a_history_keeps_no_model_alive(bundle: Bundle) -> None:
    model = ServingModel.from_bundle(bundle)
    history = History.from_items(bundle.ids[:3])
    assert len(history.known_items(model).rows) == 3
    model_ref = weakref.ref(model)
    del model
    gc.collect()
    assert model_ref() is None
    assert len(history.known_items(ServingModel.from_bundle(bundle)).rows) == 3
