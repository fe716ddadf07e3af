"""Every page shows what it should, escaped; forms need the token of their session."""

import html
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.dashboard import mount, overview_stats
from polyrec.dashboard.session import COOKIE, LIFETIME_S, Session
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

HOSTILE = "<script>alert(1)</script>\"'&"


def token(client: TestClient, path: str = "/dashboard/keys") -> str:
    match = re.search(r'name="token" value="([0-9a-f]{64})"', client.get(path).text)
    assert match
    return match[1]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/dashboard", ["Overview", "60", "Quality on test", "popular", " to "]),
        ("/dashboard/items", ["Catalogue", "/dashboard/item?id=i0000"]),
        ("/dashboard/items?status=live&q=i0003", ["i0003"]),
        ("/dashboard/item?id=i0003", ["Most similar by fused", "Hide from lists"]),
        ("/dashboard/users", ["u0000"]),
        ("/dashboard/user?id=u0003", ["Recommended", "because of", "behaviour"]),
        ("/dashboard/user?id=u0003", ["Shares are exact"]),
        ("/dashboard/user?id=nobody", ["recently popular", "No events of this user"]),
        ("/dashboard/chat", ["Say what you look for"]),
        ("/dashboard/events", ["purchase", "every 2s"]),
        ("/dashboard/reports", ["report.html", "alignment.html", "<iframe"]),
        ("/dashboard/keys", ["Create key"]),
        ("/dashboard/login", ["requires no key"]),
    ],
)  # fmt: skip
def test_pages_show_what_they_should(pages: TestClient, path: str, words: list[str]) -> None:
    answer = pages.get(path)
    assert answer.status_code == 200
    for word in words:
        assert word in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    assert " style=" not in answer.text
    assert "onclick" not in answer.text


def test_what_clients_sent_is_escaped(pages: TestClient) -> None:
    item = {"ItemId": HOSTILE, "Comment": HOSTILE, "Labels": [HOSTILE], "Categories": [HOSTILE]}
    assert pages.post("/api/item", json=item).status_code == 200
    feedback = [{"FeedbackType": HOSTILE, "UserId": HOSTILE, "ItemId": HOSTILE}]
    assert pages.post("/api/feedback", json=feedback).status_code == 200
    for path in (
        "/dashboard",
        "/dashboard/items?q=script",
        "/dashboard/users",
        "/dashboard/events",
    ):
        assert "<script>alert" not in pages.get(path).text
    for path in ("item", "user"):
        answer = pages.get(f"/dashboard/{path}", params={"id": HOSTILE})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text
    drawn = pages.get("/dashboard/picture", params={"id": f"x{HOSTILE}<b>"})
    assert "<b>" not in drawn.text


def test_pictures_and_players_are_served_as_what_they_are(pages: TestClient) -> None:
    picture = pages.get("/dashboard/picture?id=i0003")
    assert picture.headers["Content-Type"] in ("image/jpeg", "image/svg+xml")
    kinds = set()
    for number in range(12):
        for kind in ("audio", "video"):
            answer = pages.get(f"/dashboard/media?id=i{number:04d}&kind={kind}",
                               headers={"Range": "bytes=0-9"})  # fmt: skip
            if answer.status_code == 206:
                kinds.add(answer.headers["Content-Type"].partition("/")[0])
                assert f"<{kind} controls" in pages.get(f"/dashboard/item?id=i{number:04d}").text
                assert len(answer.content) == 10
    assert kinds == {"audio", "video"}
    assert pages.get("/dashboard/media?id=i0001&kind=../../x").status_code == 400
    assert pages.get("/dashboard/media?id=none&kind=audio").status_code == 404


@pytest.mark.parametrize("name", ["manifest.json", "..%2Fmanifest.json", "names.json"])
def test_only_reports_leave_the_bundle(pages: TestClient, name: str) -> None:
    version = pages.get("/api/model").json()["Version"]
    query = f"?bundle={version}"
    assert pages.get(f"/dashboard/report/{name}{query}").status_code == 404
    for other in ("..", "../bundle", "%2E", ""):
        path = f"/dashboard/report/report.html?bundle={other}"
        assert pages.get(path).status_code == 404
    shown = pages.get(f"/dashboard/report/report.html{query}")
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_every_bundle_of_a_folder_shows_its_reports(
    settings: Settings, reported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bundles"
    for name in ("000001", "000002", "000003"):
        shutil.copytree(reported, folder / name)
    (folder / "000001/report.html").write_text("<p>the first one</p>", encoding="utf-8")
    for file in ("report.html", "alignment.html", "quarantine.html"):
        (folder / "000003" / file).unlink(missing_ok=True)
    (folder / "current").write_text("000001\n000002\n", encoding="utf-8")
    with TestClient(mount(create_app(replace(settings, bundle=folder)))) as client:
        page = client.get("/dashboard/reports").text
        assert "000002 (served)" in page
        assert "000001</a>" in page
        assert "000003" not in page  # it has none
        assert "report.html?bundle=000002" in page
        older = client.get("/dashboard/reports?bundle=000001").text
        assert "report.html?bundle=000001" in older
        assert "the first one" in client.get("/dashboard/report/report.html?bundle=000001").text


def test_the_root_leads_to_the_dashboard(pages: TestClient, guarded: TestClient) -> None:
    for client in (pages, guarded):
        answer = client.get("/")
        assert (answer.status_code, answer.headers["Location"]) == (307, "/dashboard")


def test_a_hidden_item_is_in_no_list_any_more(pages: TestClient) -> None:
    first = pages.get("/api/recommend/u0003").json()[0]
    form = {"token": token(pages), "id": first, "hidden": "true"}
    assert pages.post("/dashboard/item/hide", data=form).status_code == 303
    assert first not in pages.get("/api/recommend/u0003?n=60").json()
    pages.post("/dashboard/item/hide", data={**form, "hidden": "false"})
    assert pages.get("/api/recommend/u0003").json()[0] == first


def test_a_page_shows_the_labels_of_a_user(pages: TestClient) -> None:
    assert "<th>labels</th>" not in pages.get("/dashboard/user?id=u0003").text
    record = {"UserId": "u0003", "Labels": {"city": "<Köln>"}}
    assert pages.post("/api/user", json=record).status_code == 200
    assert "&lt;Köln&gt;" in pages.get("/dashboard/user?id=u0003").text


def test_a_user_states_a_taste_and_undoes_it(pages: TestClient) -> None:
    first = pages.get("/api/recommend/u0003").json()[0]
    form = {"token": token(pages), "id": "u0003"}
    taste = {**form, "attitude": "dislike", "subject": "item", "value": first}
    assert pages.post("/dashboard/user/taste", data=taste).status_code == 303
    assert first not in pages.get("/api/recommend/u0003?n=60").json()
    page = pages.get("/dashboard/user?id=u0003").text
    assert '<input type="hidden" name="attitude" value="none">' in page
    assert pages.post("/dashboard/user/taste/undo", data=form).status_code == 303
    assert pages.get("/api/recommend/u0003").json()[0] == first
    label = {**taste, "subject": "label", "key": "<by>", "value": "<Bo>", "attitude": "like"}
    assert pages.post("/dashboard/user/taste", data=label).status_code == 303
    assert "&lt;by&gt; &lt;Bo&gt;" in pages.get("/dashboard/user?id=u0003").text
    for wrong in ({"attitude": "adore"}, {"subject": "colour"}, {"value": " "}):
        assert pages.post("/dashboard/user/taste", data={**taste, **wrong}).status_code == 400


def test_an_erased_user_is_gone(pages: TestClient) -> None:
    form = {"token": token(pages), "id": "u0003"}
    assert pages.post("/dashboard/user/erase", data=form).status_code == 303
    assert pages.get("/api/user/u0003").status_code == 404
    assert "No events of this user" in pages.get("/dashboard/user?id=u0003").text


FORMS = [
    "keys",
    "keys/revoke",
    "item/hide",
    "user/erase",
    "user/taste",
    "user/taste/undo",
    "logout",
]


@pytest.mark.parametrize("path", FORMS[:-1])
def test_a_form_has_no_nul(pages: TestClient, path: str) -> None:
    form = {"token": token(pages), "id": "a\0b", "name": "a\0b", "scope": "read"}
    answer = pages.post(f"/dashboard/{path}", data=form)
    assert answer.status_code == 400
    assert "NUL" in answer.json()["remedy"]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_the_sessions_token_is_refused(pages: TestClient, path: str) -> None:
    pages.get("/dashboard")
    other = TestClient(pages.app)  # another session
    theirs = token(other)
    for sent in ("", "0" * 64, "é", theirs):
        answer = pages.post(f"/dashboard/{path}", data={"token": sent, "id": "u0001", "name": "x"})
        assert answer.status_code == 403
        assert answer.json()["what"] == "this form belongs to another session"
    assert pages.get("/api/user/u0001").status_code == 200


def test_without_login_there_is_only_the_login(guarded: TestClient) -> None:
    for path in ("", "/items", "/item?id=i0001", "/user?id=u", "/picture?id=i0001", "/keys",
                 "/events/rows", "/report/report.html", "/media?id=i&kind=audio"):  # fmt: skip
        answer = guarded.get(f"/dashboard{path}")
        assert answer.status_code == 303, path
        assert answer.headers["Location"] == "/dashboard/login"
    assert guarded.get("/dashboard/static/style.css").status_code == 200


def login(client: TestClient, text: str):
    form = {"token": token(client, "/dashboard/login"), "key": text}
    return client.post("/dashboard/login", data=form)


def test_a_key_opens_the_pages_that_its_scopes_say(guarded: TestClient, key: Callable) -> None:
    answer = login(guarded, key("read"))
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=strict", "Path=/dashboard"):
        assert word in cookie
    assert guarded.get("/dashboard/items").status_code == 200
    assert guarded.get("/dashboard/keys").status_code == 403
    text = guarded.get("/dashboard/user?id=u0003").text
    assert "Erase this user" not in text
    form = {"token": token(guarded, "/dashboard"), "id": "u0003"}
    assert guarded.post("/dashboard/user/erase", data=form).status_code == 403


def test_a_session_ends_at_logout_and_its_forms_can_not_be_replayed(
    guarded: TestClient, key: Callable
) -> None:
    login(guarded, key("admin"))
    sent, cookie = token(guarded), guarded.cookies[COOKIE]
    assert guarded.post("/dashboard/logout", data={"token": sent}).status_code == 303
    replayed = TestClient(guarded.app, cookies={COOKIE: cookie}, follow_redirects=False)
    answer = replayed.post("/dashboard/keys", data={"token": sent, "name": "x", "scope": "read"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/dashboard/login"


def test_a_revoked_key_closes_its_sessions(guarded: TestClient, key: Callable) -> None:
    login(guarded, key("admin"))
    text = guarded.get("/dashboard/keys").text
    (name,) = re.findall(r'name="id" value="([0-9a-f]{8})"', text)
    guarded.post("/dashboard/keys/revoke", data={"token": token(guarded), "id": name})
    assert guarded.get("/dashboard/keys").status_code == 303


def test_wrong_keys_are_refused_and_slowed_down(guarded: TestClient) -> None:
    answers = [login(guarded, f"pr_a_{i}").status_code for i in range(2)]
    assert answers[0] in (401, 429)
    assert answers[1] == 429


def test_a_key_is_created_and_shown_once(pages: TestClient) -> None:
    form = {"token": token(pages), "name": HOSTILE, "scope": ["read", "write"]}
    created = pages.post("/dashboard/keys", data=form)
    assert re.search(r'id="new-key">pr_[0-9a-f]{8}_[\w-]{43}<', created.text)
    assert "<script>alert" not in created.text
    again = pages.get("/dashboard/keys").text
    assert 'id="new-key"' not in again
    assert "read, write" in again
    assert pages.post("/dashboard/keys", data={**form, "scope": []}).status_code == 400


def test_forged_cookies_are_no_sessions() -> None:
    session = Session.create("k", now=100)
    cookie = session.to_cookie(b"secret")
    assert Session.from_cookie(cookie, b"secret", now=101) == session
    assert Session.from_cookie(cookie, b"another", now=101) is None
    assert Session.from_cookie(cookie, b"secret", now=100 + LIFETIME_S) is None
    body, _, signature = cookie.partition(".")
    for forged in ("", "x", ".", f"{body}x.{signature}", f"{body}.", "é.é", body * 100):
        assert Session.from_cookie(forged, b"secret", now=101) is None


def test_quantiles_come_from_buckets_as_in_prometheus() -> None:
    inf = float("inf")
    buckets = [(0.001, 0.0), (0.01, 90.0), (0.1, 100.0), (inf, 100.0)]
    assert overview_stats._quantile_ms(buckets, 0.5) == pytest.approx(6.0)
    assert overview_stats._quantile_ms(buckets, 0.95) == pytest.approx(55.0)
    assert overview_stats._quantile_ms([(0.1, 0.0), (inf, 4.0)], 0.5) == 100.0


def test_texts_and_files_find_items(pages: TestClient, jpeg: bytes) -> None:
    title = pages.get("/api/item/i0001").json()["Comment"]
    results = pages.get("/dashboard/search", params={"q": title})
    assert "Best matches by words and content" in results.text
    form = {"token": token(pages)}
    shown = pages.post("/dashboard/search", data=form, files={"file": ("a.mp3", jpeg)})
    assert "Best matches by image" in shown.text  # detected from its bytes, not its name
    assert shown.text.count("<figure") == 24
    for junk in (b"PK\x03\x04junk", b"\x89PNG\r\n\x1a\nbroken", b"words"):
        answer = pages.post("/dashboard/search", data=form, files={"file": ("a.png", junk)})
        assert answer.status_code == 200
        assert 'role="alert"' in answer.text
    refused = pages.post("/dashboard/search", files={"file": ("a.jpg", jpeg)})
    assert refused.status_code == 403


def test_an_uploaded_picture_is_the_items_picture(pages: TestClient, jpeg: bytes) -> None:
    pages.post("/api/item", json={"ItemId": "fresh", "Comment": "A new one"})
    drawn = pages.get("/dashboard/picture?id=fresh")
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert pages.put("/api/item/fresh/media/image", content=jpeg).status_code == 200
    assert pages.get("/dashboard/picture?id=fresh").headers["Content-Type"] == "image/jpeg"
    assert "A new one" in pages.get("/dashboard/item?id=fresh").text


def test_pictures_are_decoded_in_processes_of_their_own(
    pages: TestClient, jpeg: bytes, silent_mp4: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: object, **__: object) -> None:
        raise AssertionError("decoded in the service's own process")

    monkeypatch.setattr("PIL.Image.open", here)
    monkeypatch.setattr("av.open", here)
    pages.post("/api/items", json=[{"ItemId": name} for name in ("still", "film", "cut")])
    pages.put("/api/item/still/media/image", content=jpeg)
    pages.put("/api/item/film/media/video", content=silent_mp4)
    pages.put("/api/item/cut/media/image", content=jpeg[:200])
    for name, kind in (("still", "jpeg"), ("film", "jpeg"), ("cut", "svg+xml")):
        drawn = pages.get("/dashboard/picture", params={"id": name})
        assert drawn.headers["Content-Type"] == f"image/{kind}", name
        assert drawn.content.startswith(b"\xff\xd8" if kind == "jpeg" else b"<svg")


def test_a_conversation_keeps_what_was_said(pages: TestClient) -> None:
    title = pages.get("/api/item/i0005").json()["Comment"].partition("\n")[0]
    form = {"token": token(pages), "message": title, "user": "u0003"}
    first = pages.post("/dashboard/chat", data=form)
    assert "/dashboard/item?id=i0005" in first.text
    state = html.unescape(re.search(r'name="state" value="([^"]*)"', first.text)[1])
    assert json.loads(state)["Text"]
    again = pages.post("/dashboard/chat", data={**form, "message": "more", "state": state})
    assert "/dashboard/item?id=i0005" not in again.text
    hostile = pages.post("/dashboard/chat", data={**form, "message": HOSTILE, "state": "{}"})
    assert "<script>alert" not in hostile.text
    for damaged in ("{", "[]", '{"Offset": -1}', '{"Satte": 1}'):
        answer = pages.post("/dashboard/chat", data={**form, "state": damaged})
        assert answer.status_code == 400
    assert pages.post("/dashboard/chat", data={"message": "a"}).status_code == 403
