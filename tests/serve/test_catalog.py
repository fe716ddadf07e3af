"""The service has the whole catalogue of a bundle from the start."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.artifact.bundle import Bundle
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.serve.app import create_app
from polyrec.serve.background.training_tables import BundleSource, read_training_tables
from polyrec.serve.settings import Settings
from polyrec.types import ItemMetadata

DAY = 86_400


@pytest.fixture
def described(bundle: Bundle) -> Bundle:
    """Return the bundle with metadata of its first items."""
    rows = [
        ItemMetadata(("film",), {"genre": ["drama"], "price": 5.0}, 20_000 * DAY, "Sad and long"),
        ItemMetadata(("film", "old"), {"genre": ["comedy"], "price": 15.0}, 20_001 * DAY),
        ItemMetadata((), ["tag"]),
    ]
    return replace(bundle, metadata=(*rows, *[ItemMetadata()] * (len(bundle.ids) - 3)))


@pytest.fixture
def client(described: Bundle, tmp_path: Path) -> Iterator[TestClient]:
    folder = described.save(tmp_path / "bundle")
    settings = Settings(folder, database=f"sqlite:///{tmp_path / 'service.sqlite'}")
    with TestClient(create_app(settings)) as opened:
        yield opened


def test_a_bundle_keeps_its_metadata(described: Bundle, bundle: Bundle, tmp_path: Path) -> None:
    assert Bundle.load(described.save(tmp_path / "with")).metadata == described.metadata
    assert Bundle.load(bundle.save(tmp_path / "without")).metadata == ()


def test_categories_labels_ranges_and_times_work_from_the_start(
    client: TestClient, described: Bundle
) -> None:
    first, second, third = described.ids[:3]
    assert set(client.get("/api/recommend/nobody?category=film").json()) == {first, second}
    assert client.get("/api/recommend/nobody?category=film&category=old").json() == [second]

    def batch(**filters: object) -> set[str]:
        (result,) = client.post("/api/recommend", json={"Users": ["x"], **filters}).json()[
            "Results"
        ]
        return {item["Id"] for item in result["Items"]}

    assert batch(Labels={"genre": ["drama"]}) == {first}
    assert batch(Ranges={"price": {"Min": 10}}) == {second}
    assert batch(Labels={"": ["tag"]}) == {third}
    latest = client.get("/api/latest?n=2").json()
    assert latest == [
        {"Id": second, "Score": 20_001.0 * DAY},
        {"Id": first, "Score": 20_000.0 * DAY},
    ]
    item = client.get(f"/api/item/{first}").json()
    assert item["Comment"] == f"{described.titles[0]}\nSad and long"
    assert (item["Categories"], item["Timestamp"]) == (["film"], "2024-10-04T00:00:00Z")
    assert item["Labels"] == {"genre": ["drama"], "price": 5.0}


def test_a_refit_passes_the_metadata_on(client: TestClient, described: Bundle) -> None:
    client.patch(f"/api/item/{described.ids[1]}", json={"Categories": ["new"]})
    client.post("/api/item", json={"ItemId": "zz", "Comment": "A lamp\nfor the hall"})
    service = client.app.state.service
    source = BundleSource(described, None)
    database = Database.open(service.settings.database)
    with database.read() as connection:
        files = BlobStore(service.settings.media_folder)
        lean = replace(described, parts=replace(described.parts, encoders={}))
        tables = read_training_tables(
            connection, replace(source, bundle=lean), files, described.config.event_weights
        )
    database.close()
    by_id = dict(zip(tables.items["item"], tables.metadata, strict=True))
    assert by_id[described.ids[0]] == described.metadata[0]
    assert by_id[described.ids[1]] == replace(described.metadata[1], categories=("new",))
    assert by_id[described.ids[5]] == ItemMetadata()
    assert by_id["zz"].description == "for the hall"
