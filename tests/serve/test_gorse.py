"""Gorse's rules beside its routes: null, slashes, forms of dates, bulk transfers, purge."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.artifact.bundle import Bundle
from polyrec.serve.api.timestamps import format_timestamp, parse_timestamp
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from serve.test_media import picture

ALL = "delete_users,delete_items,delete_feedback,delete_cache"
ITEM = {
    "ItemId": "n1", "IsHidden": True, "Categories": ["a", "b"], "Labels": {"x": 1},
    "Timestamp": "2026-01-31T12:00:00Z", "Comment": "A film",
}  # fmt: skip


def without_status(item: dict) -> dict:
    return {name: value for name, value in item.items() if name not in ("Status", "Reason")}


def test_null_in_a_patch_leaves_a_field_as_it_is(client: TestClient) -> None:
    client.post("/api/item", json=ITEM)
    nothing = dict.fromkeys(("IsHidden", "Categories", "Timestamp", "Labels", "Comment"))
    for change, expected in ((nothing, {}), ({**nothing, "IsHidden": False}, {"IsHidden": False})):
        assert client.patch("/api/item/n1", json=change).json() == {"RowAffected": 1}
        assert without_status(client.get("/api/item/n1").json()) == {**ITEM, **expected}
    user = {"UserId": "ann", "Labels": {"age": 30}, "Comment": "new"}
    client.post("/api/user", json=user)
    client.patch("/api/user/ann", json={"Labels": None, "Comment": None})
    assert client.get("/api/user/ann").json() == user
    client.post("/api/user", json={"UserId": "ann", "Labels": None, "Comment": None})
    assert client.get("/api/user/ann").json() == {"UserId": "ann", "Labels": None, "Comment": ""}
    event = {"FeedbackType": "like", "UserId": "ann", "ItemId": "n1"}
    event |= dict.fromkeys(("Value", "Timestamp", "Comment"))
    assert client.post("/api/feedback", json=[event]).status_code == 200
    assert client.post("/api/session/recommend", json=[event]).status_code == 200


def test_a_slash_at_the_end_changes_nothing(client: TestClient) -> None:
    for path in ("recommend/u0003", "popular", "latest", "item/i0003/neighbors", "items",
                 "user/u0003/neighbors", "user/u0003/feedback", "item/i0003/feedback",
                 "user/u0003"):  # fmt: skip
        plain, slash = client.get(f"/api/{path}"), client.get(f"/api/{path}/")
        assert plain.status_code == slash.status_code == 200, path
        assert plain.json() == slash.json()


def test_lists_by_their_newer_names_are_the_same(client: TestClient) -> None:
    scored = {"X-API-Version": "2"}
    client.put("/api/item/i0009/category/a")
    for path, same in (
        ("collaborative-filtering/u0003", "recommend/u0003"),
        ("intermediate/recommend/u0003", "recommend/u0003"),
        ("collaborative-filtering/u0003/a", "recommend/u0003/a"),
        ("item-to-item/neighbors/i0003?category=a", "item/i0003/neighbors/a"),
        ("non-personalized/popular?category=a", "popular/a"),
        ("item-to-item/neighbors/i0003", "item/i0003/neighbors"),
        ("item-to-item/image/i0003", "item/i0003/neighbors?view=image"),
        ("user-to-user/neighbors/u0003", "user/u0003/neighbors"),
    ):
        answer = client.get(f"/api/{path}").json()
        assert answer
        assert answer == client.get(f"/api/{same}", headers=scored).json()
    assert client.get("/api/user-to-user/enemies/u0003").status_code == 404


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2022-02-24 10:00:00 +0000 UTC", "2022-02-24T10:00:00Z"),
        ("2022-02-24 10:00:00.123456789 +0800 CST", "2022-02-24T02:00:00.123456Z"),
        ("Thu, 24 Feb 2022 10:00:00 GMT", "2022-02-24T10:00:00Z"),
        ("Feb 24, 2022", "2022-02-24T00:00:00Z"),
        ("May 8, 2009 5:57:51 PM", "2009-05-08T17:57:51Z"),
        ("12 Feb 2006, 19:17:08", "2006-02-12T19:17:08Z"),
        ("02/24/2022 10:00", "2022-02-24T10:00:00Z"),
        ("2022/2/4", "2022-02-04T00:00:00Z"),
        ("2014.03.30", "2014-03-30T00:00:00Z"),
        ("20220224101112", "2022-02-24T10:11:12Z"),
        ("1384216367111222333", "2013-11-12T00:32:47.111222Z"),
        ("2006年01月02日", "2006-01-02T00:00:00Z"),
    ],
)
def test_gorse_s_forms_of_dates_are_read(text: str, time: str) -> None:
    assert format_timestamp(parse_timestamp(text)) == time


@pytest.mark.parametrize("text", ["hello", "3", "Xyz, 99", "2022-13-01", "x" * 100_000, "a\nb"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reason is shown as it is
        parse_timestamp(text)


def test_bulk_files_come_back_as_they_were_sent(client: TestClient) -> None:
    user = {"UserId": "ann", "Labels": {"age": 30}, "Comment": ""}
    event = {"FeedbackType": "star", "UserId": "ann", "ItemId": "n1", "Value": 4.0,
             "Timestamp": "2022-02-24T00:00:00Z", "Comment": "hm"}  # fmt: skip
    for kind, body, key in (
        ("users", user, "UserId"), ("items", ITEM, "ItemId"), ("feedback", event, "FeedbackType")
    ):  # fmt: skip
        before = len(client.get(f"/api/bulk/{kind}").text.splitlines())
        for _ in range(2):  # a file sent again changes nothing
            file = (json.dumps(body) + "\n\n").encode()
            answer = client.post(f"/api/bulk/{kind}", files={"file": ("a.jsonl", file)})
            assert answer.json() == {"RowAffected": 1}
        exported = client.get(f"/api/bulk/{kind}")
        assert exported.headers["content-disposition"] == f"attachment;filename={kind}.jsonl"
        lines = [json.loads(line) for line in exported.text.splitlines()]
        assert len(lines) >= before + (kind != "users")
        (line,) = [line for line in lines if line[key] == body[key]]
        assert {name: line[name] for name in body} == body
    assert client.get("/api/bulk/keys").status_code == 404
    for file, what in (
        (b'{"UserId": "bob"}\n{"UserId": ""}', "line 2 is invalid"),
        (b"nothing", "line 1 is invalid"),
        (b"x" * 2**21, "a line is too long"),
    ):
        answer = client.post("/api/bulk/users", files={"file": ("a.jsonl", file)})
        assert answer.status_code == 400
        assert what in answer.json()["what"]


def test_a_dump_restores_a_purged_service(
    two_workers: tuple[TestClient, TestClient], bundle: Bundle
) -> None:
    first, second = two_workers
    first.post("/api/item", json=ITEM)
    dump = first.get("/api/dump").content
    user = bundle.users[3]
    assert second.post("/api/purge", data={"check_list": "delete_users"}).status_code == 400
    deleted = second.post("/api/purge", data={"check_list": ALL}).json()["RowAffected"]
    assert deleted == len(dump.splitlines())
    for client in (first, second):
        assert client.get("/api/dump").text == ""
        assert client.get(f"/api/recommend/{user}").json() == []
        assert client.get("/api/popular").json() == []
    stats = first.post("/api/restore", content=dump).json()
    assert stats.pop("Duration") > 0
    assert sum(stats.values()) == deleted
    assert stats["Users"] == len(bundle.users)
    for client in (first, second):
        restored = client.get("/api/dump").content
        assert set(map(stable, restored.splitlines())) == set(map(stable, dump.splitlines()))
        assert client.get(f"/api/recommend/{user}").json()
    assert first.post("/api/restore", content=b'{"Key": {}}').status_code == 400


def test_a_dump_moves_files_to_another_database(
    client: TestClient, bundle_folder: Path, tmp_path: Path
) -> None:
    client.post("/api/item", json=ITEM)
    for modality, content in (("image", picture()), ("text", b"A quiet film")):
        client.put(f"/api/item/n1/media/{modality}", content=content)
    client.delete("/api/item/i0003/media/image")
    dump = client.get("/api/dump?media=true").content
    assert dump.startswith(client.get("/api/dump").content[:1_000])
    media = [json.loads(line)["Media"] for line in dump.splitlines() if b'"Media"' in line]
    keys = [(row["ItemId"], row["Modality"], bool(row["Digest"])) for row in media]
    assert keys == [("i0003", "image", False), ("n1", "image", True), ("n1", "text", True)]
    other = Settings(bundle_folder, f"sqlite:///{tmp_path / 'other.sqlite'}")
    with TestClient(create_app(other)) as moved:
        refused = moved.post("/api/restore", content=dump)
        assert refused.status_code == 400
        assert "copy the folder of uploaded files" in refused.json()["what"]
        shutil.copytree(client.app.state.service.settings.media_folder, other.media_folder)
        for _ in range(2):
            assert moved.post("/api/restore", content=dump).json()["Media"] == 3
        got = moved.get("/api/item/n1/media/image")
        assert (got.content, got.headers["content-type"]) == (picture(), "image/png")
        assert moved.get("/api/item/i0003/media/image").status_code == 404
        assert moved.get("/api/dump?media=true").content.splitlines()[-3:] == dump.splitlines()[-3:]
        for change, what in (
            ({"Digest": "../../etc/passwd"}, "Digest"),
            ({"Digest": "0" * 64}, "this file is missing"),
            ({"Modality": "smell"}, "unknown modality"),
            ({"Modality": "audio"}, "the file contains no audio"),
        ):
            line = json.dumps({"Media": {**media[1], **change}})
            refused = moved.post("/api/restore", content=line)
            assert refused.status_code in (400, 404, 415)
            assert what in refused.json()["what"]


def stable(line: bytes) -> str:
    """Return a line of a dump without what changes as an item is encoded, a feedback updated."""
    ((_, body),) = json.loads(line).items()
    moving = ("Status", "Reason", "Updated")
    return json.dumps({name: value for name, value in body.items() if name not in moving})


def test_bulk_routes_need_an_admin_s_key(settings: Settings, key) -> None:
    reader, admin = key("read", "write"), key("admin")
    with TestClient(create_app(replace(settings, require_keys=True))) as client:
        for method, path in (("GET", "bulk/users"), ("GET", "dump"), ("POST", "purge"),
                             ("POST", "restore"), ("POST", "bulk/items")):  # fmt: skip
            refused = client.request(method, f"/api/{path}", headers={"X-API-Key": reader})
            assert refused.status_code == 403, path
        headers = {"X-API-Key": admin}
        assert client.get("/api/dump", headers=headers).status_code == 200
