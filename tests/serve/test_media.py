"""New items: uploaded, encoded, recommended; broken files are quarantined."""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from polyrec.artifact.bundle import Bundle
from polyrec.config import Limits
from polyrec.data.frames import FileReader, find_table
from polyrec.encode.audio.spectral import Spectral
from polyrec.encode.image.descriptor import Descriptor
from polyrec.serve.app import create_app
from polyrec.serve.background import warmup_samples
from polyrec.serve.background.serving_state import ServingStateBuilder


def settled(client: TestClient, item: str) -> dict:
    """Return an item's status once it was read."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        status = client.get(f"/api/item/{item}/status").json()
        if status["Status"] != "queued":
            return status
        time.sleep(0.02)
    raise AssertionError(f"still waiting: {status}")


def picture(form: str = "PNG", size: int = 48) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def complete_items(known: Bundle, world: Path) -> list[tuple[str, str, str]]:
    """Return id, text and picture of the items that have both."""
    rows = FileReader().table(find_table(world, "items")).frame.to_dicts()
    texts = {r["item_id"]: ("\n".join(filter(None, (r["title"], r["description"]))), r["image"])
            for r in rows}  # fmt: skip
    mask = known.views["image"].present & known.views["text"].present
    return [(known.ids[row], *texts[known.ids[row]]) for row in np.flatnonzero(mask)]


@pytest.fixture
def known(bundle_folder: Path) -> Bundle:
    return Bundle.load(bundle_folder)


def test_a_new_item_is_recommended_to_those_who_like_its_kind(
    client: TestClient, like: Callable, known: Bundle, world: Path
) -> None:
    (twin, comment, image), *_ = complete_items(known, world)
    client.post("/api/item", json={"ItemId": "new", "Comment": comment})
    file = (world / image).read_bytes()
    assert client.put("/api/item/new/media/image", content=file).json() == {"RowAffected": 1}
    status = settled(client, "new")
    assert status["Status"] == "live"
    assert status["Source"] == "scores"
    assert status["Views"] == {"text": "read", "image": "read"}
    neighbours = client.get("/api/item/new/neighbors", params={"n": 3}).json()
    assert neighbours[0]["Id"] == twin  # the same content
    assert neighbours[0]["Score"] == pytest.approx(1, abs=1e-3)
    fans = [u for u in known.users if twin in known.history(u)]
    ranks = [client.get(f"/api/recommend/{u}", params={"n": 60}).json().index("new") for u in fans]
    assert np.median(ranks) < 25
    like("ann", "new")
    assert "new" not in client.get("/api/recommend/ann", params={"n": 60}).json()


def test_text_alone_image_alone_and_nothing_are_all_live(client: TestClient) -> None:
    for name, comment in (("words", "a red lamp for the kitchen"), ("seen", ""), ("bare", "")):
        client.post("/api/item", json={"ItemId": name, "Comment": comment})
    client.put("/api/item/seen/media/image", content=picture())
    statuses = {name: settled(client, name) for name in ("words", "seen", "bare")}
    assert [status["Status"] for status in statuses.values()] == ["live"] * 3
    assert statuses["words"]["Views"] == {"text": "read", "image": "nothing there"}
    assert statuses["seen"]["Views"] == {"text": "nothing there", "image": "read"}
    assert statuses["bare"]["Source"] == "popularity"
    assert "no content" in statuses["bare"]["Reason"]
    assert client.get("/api/latest", params={"n": 1}).json()[0]["Id"] in statuses
    assert client.get("/api/item/bare/neighbors").json() == []


def test_changed_content_reaches_neighbours_and_a_deleted_item_leaves_at_once(
    client: TestClient, known: Bundle, world: Path
) -> None:
    (first, text, _), *_, (second, other, _) = complete_items(known, world)
    client.post("/api/item", json={"ItemId": "new", "Comment": text})
    settled(client, "new")
    view = {"view": "text", "n": 1}
    assert client.get("/api/item/new/neighbors/", params=view).json()[0]["Id"] == first
    client.patch("/api/item/new", json={"Comment": other})
    settled(client, "new")
    assert client.get("/api/item/new/neighbors/", params=view).json()[0]["Id"] == second
    client.delete("/api/item/new")
    assert client.get("/api/item/new/neighbors/").json() == []
    assert "new" not in [n["Id"] for n in client.get(f"/api/item/{second}/neighbors/?n=60").json()]
    assert "new" not in client.get("/api/recommend/nobody", params={"n": 100}).json()
    assert client.get("/api/item/new/status").status_code == 404


def test_an_item_of_the_bundle_gets_another_text_and_keeps_its_picture(
    client: TestClient, known: Bundle, world: Path
) -> None:
    (first, *_), *_, (second, text, _) = complete_items(known, world)
    before = client.get(f"/api/item/{first}/neighbors/", params={"view": "image"}).json()
    client.patch(f"/api/item/{first}", json={"Labels": ["red"]})
    assert client.get(f"/api/item/{first}/status").json()["Status"] == "live"  # nothing to read
    client.patch(f"/api/item/{first}", json={"Comment": text})
    assert settled(client, first)["Views"] == {"text": "read", "image": "as in the bundle"}
    neighbours = client.get(f"/api/item/{first}/neighbors/", params={"view": "text"}).json()
    assert neighbours[0]["Id"] == second
    assert client.get(f"/api/item/{first}/neighbors/", params={"view": "image"}).json() == before
    assert client.delete(f"/api/item/{first}/media/image").json() == {"RowAffected": 1}
    assert client.delete(f"/api/item/{first}/media/image").json() == {"RowAffected": 0}
    assert settled(client, first)["Views"]["image"] == "nothing there"


def test_a_restart_reads_nothing_again_and_the_queue_survives_a_kill(
    settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyrec.serve.background.item_encoder import ItemEncoder
    from polyrec.serve.background.model_updater import ModelUpdater

    with TestClient(create_app(settings)) as client:
        client.post("/api/item", json={"ItemId": "new", "Comment": "a red lamp"})
        settled(client, "new")
        neighbours = client.get("/api/item/new/neighbors/").json()
    with monkeypatch.context() as patch:
        patch.setattr(ModelUpdater, "_run", lambda _: None)  # a worker that dies before it reads
        with TestClient(create_app(settings)) as client:
            client.post("/api/item", json={"ItemId": "late", "Comment": "a blue lamp"})
            assert client.get("/api/item/late/status").json()["Status"] == "queued"
    read = []
    original = ItemEncoder.encode
    monkeypatch.setattr(ItemEncoder, "encode", lambda self, items: (
        read.extend(item.item_id for item in items), original(self, items)
    )[1])  # fmt: skip
    with TestClient(create_app(settings)) as client:
        assert settled(client, "late")["Status"] == "live"
        again = [pair["Id"] for pair in client.get("/api/item/new/neighbors/?n=11").json()]
        assert [name for name in again if name != "late"] == [pair["Id"] for pair in neighbours]
        assert read == ["late"]


def test_broken_media_are_quarantined_and_the_rest_is_used(client: TestClient) -> None:
    client.post("/api/item", json={"ItemId": "cut"})
    client.put("/api/item/cut/media/image", content=picture()[:900])
    status = settled(client, "cut")
    assert status["Status"] == "quarantined"
    assert status["Reason"].startswith("image: ")
    client.patch("/api/item/cut", json={"Comment": "a red lamp for the kitchen"})
    status = settled(client, "cut")
    assert status["Status"] == "live"
    assert "image" in status["Reason"]
    client.put("/api/item/cut/media/image", content=picture())
    assert settled(client, "cut")["Reason"] == ""


def test_a_picture_that_unfolds_to_gigabytes_is_quarantined(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    client.post("/api/item", json={"ItemId": "bomb"})
    client.put("/api/item/bomb/media/image", content=buffer.getvalue())
    assert "too large" in settled(client, "bomb")["Reason"]


def test_what_is_uploaded_is_shown_as_what_it_is(client: TestClient) -> None:
    client.post("/api/item", json={"ItemId": "a/../b"})
    path = "/api/item/a%2F..%2Fb/media/image"
    assert client.get(path).status_code == 404
    assert client.put(path, content=picture(), headers={"Content-Type": "text/html"}).is_success
    shown = client.get(path)
    assert shown.content == picture()
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    text = "/api/item/a%2F..%2Fb/media/text"
    client.put(text, content="<script>alert(1)</script> grün".encode())
    assert client.get(text).headers["Content-Type"] == "text/plain; charset=utf-8"
    assert client.delete(path).json() == {"RowAffected": 1}
    assert client.get(path).status_code == 404


def test_files_lie_in_the_media_folder_under_their_digests(client: TestClient, settings) -> None:
    client.post("/api/item", json={"ItemId": "../../evil"})
    client.put("/api/item/..%2F..%2Fevil/media/image", content=picture())
    files = [f for f in settings.media_folder.rglob("*") if f.is_file()]
    assert [len(file.name) for file in files] == [64]
    assert not list((settings.media_folder / "spool").iterdir())


@pytest.mark.parametrize(
    ("modality", "body", "media_type"),
    [
        ("audio", picture(), "image/png"),
        ("image", b"%PDF-1.7", "application/pdf"),
        ("text", b"\xff\xfe\x00", "application/octet-stream"),
        ("video", b"plain words", "text/plain"),
    ],
)
def test_a_file_that_is_something_else_is_refused(
    client: TestClient, modality: str, body: bytes, media_type: str
) -> None:
    client.post("/api/item", json={"ItemId": "i"})
    answer = client.put(f"/api/item/i/media/{modality}", content=body)
    assert answer.status_code == 415
    assert answer.json()["received"] == media_type


def test_a_zip_is_no_picture(client: TestClient) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(10_000_000))
    client.post("/api/item", json={"ItemId": "i"})
    answer = client.put("/api/item/i/media/image", content=buffer.getvalue())
    assert (answer.status_code, answer.json()["received"]) == (415, "application/zip")


def test_odd_uploads_are_refused(client: TestClient, settings) -> None:
    client.post("/api/item", json={"ItemId": "i"})
    assert client.put("/api/item/i/media/smell", content=picture()).status_code == 404
    assert client.put("/api/item/none/media/image", content=picture()).status_code == 404
    assert client.put("/api/item/i/media/image", content=b"").status_code == 400
    large = client.put("/api/item/i/media/image", content=bytes(100 * 2**20))
    assert (large.status_code, large.json()["what"]) == (413, "the body is too large")

    def endless():
        for _ in range(100):
            yield bytes(2**20)

    assert client.put("/api/item/i/media/image", content=endless()).status_code == 413
    assert not list((settings.media_folder / "spool").iterdir())


def test_what_one_worker_reads_the_others_recommend(
    settings, database_url: str, tmp_path: Path
) -> None:
    from dataclasses import replace

    shared = replace(settings, database=database_url, media=tmp_path / "media")
    with TestClient(create_app(shared)) as first, TestClient(create_app(shared)) as second:
        second.post("/api/item", json={"ItemId": "new", "Comment": "a red lamp"})
        second.put("/api/item/new/media/image", content=picture())
        for client in (first, second):
            assert settled(client, "new")["Source"] == "scores"
            assert client.get("/api/item/new/neighbors/").json()
        first.delete("/api/item/new")
        assert second.get("/api/item/new/neighbors/").json() == []


def test_a_content_that_upsets_an_encoder_does_not_hold_up_the_others(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyrec.encode.text.lsa import LSA

    original = LSA.encode

    def upset(self, contents):
        if "poison" in contents:
            raise ZeroDivisionError
        return original(self, contents)

    monkeypatch.setattr(LSA, "encode", upset)
    items = [{"ItemId": name, "Comment": name} for name in ("poison", "a red lamp")]
    client.post("/api/items", json=items)
    assert settled(client, "poison")["Status"] == "quarantined"
    assert settled(client, "a red lamp")["Status"] == "live"


def test_the_samples_are_a_picture_and_a_sound() -> None:
    limits = Limits()
    assert Descriptor().prepare(warmup_samples.grey_png(), limits).size
    assert Spectral().prepare(warmup_samples.silent_wav(), limits).size


def test_encoders_are_loaded_once_after_the_first_requests(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    updater = client.app.state.service.model_updater
    encoder, encoded = updater.state.encoder, []
    encode_view = encoder.encode_view
    monkeypatch.setattr(
        encoder, "encode_view", lambda view, raw: encoded.append((view, encode_view(view, raw)))
    )
    assert not encoder.is_warm
    updater._due_at["warm_up"] = 0.0  # now
    updater.wake()
    until = time.monotonic() + 60
    while len(encoded) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert encoder.is_warm
    assert {view: rows.present.all() for view, rows in encoded} == {"text": True, "image": True}


def test_items_that_are_deleted_before_they_are_encoded_are_skipped(client: TestClient) -> None:
    service = client.app.state.service
    builder = ServingStateBuilder(service.database, service.writer, service.files, service.sandbox)
    state = builder.build(service.settings.bundle, encode=False)
    state.unencoded = ["deleted"]
    builder.encode_next(state, 10)
    assert state.unencoded == []
