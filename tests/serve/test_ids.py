"""Any text that is a valid id goes from a file through a bundle into the service, and back."""

import csv
import tempfile
from pathlib import Path
from urllib.parse import quote

from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

import polyrec
from polyrec.artifact.bundle import Bundle
from polyrec.config import parse_config
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from polyrec.types import id_problem

any_id = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).filter(
    lambda name: id_problem(name) is None
)


def write_interactions(folder: Path, ids: list[str]) -> None:
    """Write a table in which each id takes most of the others."""
    with (folder / "interactions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(user, item) for user in ids for item in ids if item != user]
        csv.writer(file).writerows([("user_id", "item_id"), *rows])


@settings(max_examples=5, deadline=None)
@given(st.lists(any_id, min_size=5, max_size=8, unique=True))
@example(["007", "7", "1.10", "1.1", "a/b", "a b", " a", "%2F", "a?b#c&d", "+", "é", "😀", "a%b"])
@example(["nan", "null", "0x1F", "1e5", "x" * 256, "\\", '"', "<b>", "a\u2028b", "//", "a/"])
def test_ids_go_round(ids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_interactions(folder, ids)
        tree = {"data": {"path": "."}, "recommend": {"use": "item_knn"}, "cache": "cache.sqlite"}
        tree["evaluate"] = {"metrics": ["recall@5"], "select_by": "recall@5"}
        polyrec.run(parse_config(tree, folder=folder)).save(folder / "bundle")
        bundle = Bundle.load(folder / "bundle")
        assert set(bundle.ids) == set(bundle.users) == set(ids)
        service = Settings(folder / "bundle", database=f"sqlite:///{folder / 'service.sqlite'}")
        with TestClient(create_app(service)) as client:
            check_service(client, ids)


def check_service(client: TestClient, ids: list[str]) -> None:
    for value in ids:
        path = quote(value, safe="")
        assert client.get(f"/api/item/{path}").json()["ItemId"] == value
        assert client.get(f"/api/user/{path}").json()["UserId"] == value
        taken = client.get(f"/api/user/{path}/feedback").json()
        assert {row["ItemId"] for row in taken} == set(ids) - {value}
        assert set(client.get(f"/api/recommend/{path}?n=50").json()) <= {value}
        neighbours = client.get(f"/api/item/{path}/neighbors/?n=50").json()
        assert {row["Id"] for row in neighbours} <= set(ids)
    page = client.get("/api/items", params={"n": 100}).json()
    assert {row["ItemId"] for row in page["Items"]} == set(ids)
