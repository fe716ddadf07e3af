"""A small bundle with text and pictures, and a service over it."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import polyrec
from benchmarks.library.postgres import Postgres
from polyrec.align.identity import Identity
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.parts import Parts
from polyrec.config import parse_config
from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.fuse.concat import Concat
from polyrec.recommend.linear.ease import EASE
from polyrec.serve.app import create_app
from polyrec.serve.background.bundle_import import import_bundle
from polyrec.serve.settings import Settings
from polyrec.types import Interactions


@pytest.fixture(scope="session")
def bundle_folder(world: Path, features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle of the studio data set: 60 items, 150 users."""
    folder = tmp_path_factory.mktemp("served")
    tree = {
        "preset": "shop",
        "data": {"path": str(world), "text": ["title", "description"], "image": "image"},
        "align": {"use": "whiten", "width": 16},
        "recommend": {"use": "multimodal_linear", "l2": 20, "content_l2": 5},
        "evaluate": {"metrics": ["recall@5"], "select_by": "recall@5"},
        "cache": str(features),
    }
    return polyrec.run(parse_config(tree, folder=folder)).save(folder / "bundle")


@pytest.fixture(scope="session")
def imported(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SQLite file with the imported bundle: each test has a copy of it."""
    path = tmp_path_factory.mktemp("imported") / "service.sqlite"
    database = Database.open(f"sqlite:///{path}")
    assert import_bundle(database, bundle)
    database.close()
    return path


@pytest.fixture
def settings(bundle_folder: Path, imported: Path, tmp_path: Path) -> Settings:
    path = shutil.copy(imported, tmp_path / "service.sqlite")
    return Settings(bundle_folder, database=f"sqlite:///{path}")


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    return Bundle.load(bundle_folder)


@pytest.fixture(scope="session")
def bundle_template(bundle: Bundle, postgres: Postgres) -> str:
    """Return the name of a PostgreSQL database that has imported the bundle, to be copied."""
    database = Database.open(postgres.database("bundle"))
    assert import_bundle(database, bundle)
    database.close()
    return "bundle"


@pytest.fixture(params=["sqlite", "postgresql"])
def imported_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that has imported the bundle, once of each kind."""
    if request.param == "sqlite":
        copied = shutil.copy(request.getfixturevalue("imported"), tmp_path / "service.sqlite")
        return f"sqlite:///{copied}"
    template = request.getfixturevalue("bundle_template")
    server = request.getfixturevalue("postgres")
    return server.database(f"t{uuid.uuid4().hex}", template=template)


@pytest.fixture
def two_workers(bundle_folder: Path, imported_url: str) -> Iterator[tuple[TestClient, TestClient]]:
    """Return two applications over one database, SQLite and PostgreSQL in turn."""
    settings = Settings(bundle_folder, database=imported_url)
    with TestClient(create_app(settings)) as first, TestClient(create_app(settings)) as second:
        yield first, second


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as opened:
        yield opened


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """Return a client of a service that requires keys."""
    with TestClient(create_app(replace(settings, require_keys=True))) as opened:
        yield opened


@pytest.fixture
def key(settings: Settings) -> Callable[..., str]:
    """Return a function that creates a key with these scopes and returns its text."""

    def make(*scopes: str, per_second: float | None = None) -> str:
        database = Database.open(settings.database)
        with database.write() as connection:
            text = keys.create_key(connection, "test", scopes, per_second=per_second)[1]
        database.close()
        return text

    return make


@pytest.fixture
def like(client: TestClient) -> Callable[..., None]:
    """Return a function that sends a user's feedback on items."""

    def send(user: str, *items: str, kind: str = "like", method: str = "POST") -> None:
        body = [{"FeedbackType": kind, "UserId": user, "ItemId": item} for item in items]
        answer = client.request(method, "/api/feedback", json=body)
        assert answer.json() == {"RowAffected": len(items)}

    return send


@pytest.fixture
def plain_folder(tmp_path: Path) -> Path:
    """Return a bundle without content: 80 users took 8 of m10..m39, later ones more often.

    Nobody took m00..m09. Those of m10 are the fewest, those of m39 the most.
    """
    draw = np.random.default_rng(2)
    chance = np.arange(1, 31) ** 1.5
    taken = [draw.choice(30, 8, replace=False, p=chance / chance.sum()) + 10 for _ in range(80)]
    items = np.concatenate(taken)
    train = Interactions.of(
        np.repeat(np.arange(80), 8), items, shape=(80, 40), times=1_600_000_000 + np.arange(640)
    )
    empty = train.take(np.zeros(0, np.int64))
    kinds = {"like": 1, "dislike": -1, "view": 0, "buy": 3}
    ids = tuple(f"m{item:02d}" for item in range(40))
    return Bundle(
        config=parse_config({"data": {"path": "nowhere", "kinds": kinds}}, folder=tmp_path),
        ids=ids,
        titles=ids,
        users=tuple(f"u{user}" for user in range(80)),
        kinds=("like",),
        behaviour={"train": train, "valid": empty, "test": empty},
        views={},
        parts=Parts({}, Identity(), Concat(), EASE(l2=100).fit(train)),
        fingerprint="plain",
    ).save(tmp_path / "plain")


@pytest.fixture
def plain(plain_folder: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Return a service over `plain_folder`."""
    database = f"sqlite:///{tmp_path / 'plain.sqlite'}"
    with TestClient(create_app(Settings(plain_folder, database=database))) as opened:
        yield opened
