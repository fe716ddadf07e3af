"""A bundle of frames is served like one of files, and trained again."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import polyrec
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.dashboard import mount
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.errors import DataError
from polyrec.serve.app import create_app
from polyrec.serve.background.refit import refit
from polyrec.serve.settings import Settings
from polyrec.types import silent
from serve.test_media import picture

ITEMS = 10
SETTINGS = {
    "encode": {"text": {"use": "lsa"}, "image": {"use": "descriptor"}},
    "recommend": {"use": "popular"},
    "engine": {"workers": 1},
}
WORDS = ("lamp", "chair", "table", "vase", "desk")


def frames() -> tuple[dict, dict, dict]:
    pairs = [(u, i) for u in range(12) for i in range(ITEMS) if (u + i) % 3]
    events = {"user_id": [f"u{u}" for u, _ in pairs], "item_id": [f"i{i}" for _, i in pairs],
              "timestamp": [10**9 + n for n in range(len(pairs))]}  # fmt: skip
    items = {
        "item_id": [f"i{i}" for i in range(ITEMS)],
        "title": [f"{WORDS[i % 5]} {i}" for i in range(ITEMS)],
        "text": [f"a {WORDS[i % 5]} of {WORDS[i * 3 % 5]} wood" for i in range(ITEMS)],
        "photo": [f"p{i}.png" if i else None for i in range(ITEMS)],
        "room": [["Kitchen", "Bath"][i % 2] for i in range(ITEMS)],
    }
    users = {"user_id": ["u1", "u2"], "plan": ["pro", "free"]}
    return events, items, users


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for i in range(1, ITEMS):
        (folder / f"p{i}.png").write_bytes(picture())
    events, items, users = frames()
    data = polyrec.Dataset.from_frames(
        events, items, users, text="text", image="photo", media_root=folder, categories="room",
        user_labels="plan",
    )  # fmt: skip
    out = folder / "bundles" / "000001"
    settings = SETTINGS | {"cache": str(folder / "cache.sqlite")}
    polyrec.run(data, settings=settings, out=out, progress=silent)
    return folder / "bundles"


def test_a_bundle_of_frames_is_served_and_trained_again(bundles: Path, tmp_path: Path) -> None:
    settings = Settings(bundles, database=f"sqlite:///{tmp_path}/service.sqlite")
    with TestClient(mount(create_app(settings))) as client:
        item = client.get("/api/item/i3").json()
        assert (item["Comment"], item["Categories"]) == ("vase 3", ["Bath"])
        assert client.get("/api/user/u2").json()["Labels"] == {"plan": "free"}
        listed = client.get("/api/popular?category=Kitchen&n=20").json()
        assert {row["Id"] for row in listed} == {"i0", "i2", "i4", "i6", "i8"}
        types = [
            client.get(f"/dashboard/picture?id={item}").headers["content-type"]
            for item in ("i3", "i0")
        ]
        assert types == ["image/jpeg", "image/svg+xml"]
        client.post("/api/item", json={"ItemId": "new", "Comment": "a steel lamp"})
        feedback = [{"FeedbackType": "event", "UserId": f"u{u}", "ItemId": "new",
                     "Timestamp": "2024-01-01T00:00:00Z"} for u in range(6)]  # fmt: skip
        assert client.post("/api/feedback", json=feedback).status_code == 200
    database, registry = Database.open(settings.database), BundleRegistry(bundles)
    result = refit(database, registry, BlobStore(settings.media_folder))
    database.close()
    first, second = (Bundle.load(bundles / name) for name in ("000001", result.name))
    assert set(second.ids) == {*first.ids, "new"}
    assert {baseline["name"] for baseline in result.baselines} >= {"item_knn"}
    for name in ("text", "image"):
        old, new = first.views[name].present, second.views[name].present
        assert [new[second.rows[item]] for item in first.ids] == old.tolist()
    assert second.catalog.content("image")[second.rows["i3"]] == bundles.parent / "p3.png"


def test_features_of_frames_are_not_kept_for_a_training(tmp_path: Path) -> None:
    events, items, _ = frames()
    features = {"shape": np.random.default_rng(0).random((ITEMS, 4), np.float32)}
    data = polyrec.Dataset.from_frames(events, items, features=features)
    settings = {"recommend": {"use": "popular"}, "cache": str(tmp_path / "cache.sqlite")}
    polyrec.run(data, settings=settings, out=tmp_path / "b" / "000001", progress=silent)
    service = Settings(tmp_path / "b", database=f"sqlite:///{tmp_path}/service.sqlite")
    with TestClient(create_app(service)) as client:
        assert len(client.get("/api/recommend/u1").json()) > 0
    database = Database.open(service.database)
    with pytest.raises(DataError, match="'shape of i0'; a bundle of frames has texts"):
        refit(database, BundleRegistry(tmp_path / "b"), BlobStore(service.media_folder))
    database.close()
