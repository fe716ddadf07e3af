"""A service with pages, over the small bundle of the service's tests."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import polyrec
from polyrec.artifact.bundle import Bundle
from polyrec.config import parse_config
from polyrec.dashboard import mount
from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.serve.app import create_app
from polyrec.serve.background.bundle_import import import_bundle
from polyrec.serve.settings import Settings


@pytest.fixture(scope="session")
def reported(world: Path, features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle with its reports, and with media of all kinds."""
    folder = tmp_path_factory.mktemp("pages")
    tree = {
        "preset": "shop",
        "data": {"path": str(world), "text": ["title", "description"], "image": "image",
                 "audio": "audio", "video": "video"},
        "encode": {"text": {"use": "lsa"}, "image": {"use": "descriptor"}},
        "align": {"use": "whiten", "width": 16},
        "recommend": {"use": "multimodal_linear", "l2": 20, "content_l2": 5},
        "evaluate": {"metrics": ["recall@5", "ndcg@5"], "select_by": "recall@5"},
        "cache": str(features),
    }  # fmt: skip
    polyrec.run(parse_config(tree, folder=folder), out=folder / "bundle")
    return folder / "bundle"


@pytest.fixture(scope="session")
def imported(reported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file that has imported the bundle: each test has a copy of it."""
    path = tmp_path_factory.mktemp("imported") / "service.sqlite"
    database = Database.open(f"sqlite:///{path}")
    assert import_bundle(database, Bundle.load(reported))
    database.close()
    return path


@pytest.fixture
def settings(reported: Path, imported: Path, tmp_path: Path) -> Settings:
    copied = shutil.copy(imported, tmp_path / "service.sqlite")
    return Settings(reported, database=f"sqlite:///{copied}")


@pytest.fixture
def pages(settings: Settings) -> Iterator[TestClient]:
    """Return a client of a service that requires no key."""
    with TestClient(mount(create_app(settings)), follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """Return a client of a service that requires keys."""
    app = mount(create_app(replace(settings, require_keys=True)))
    with TestClient(app, follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def key(settings: Settings):
    """Return a function that creates a key with these scopes and returns its text."""

    def make(*scopes: str) -> str:
        database = Database.open(settings.database)
        with database.write() as connection:
            text = keys.create_key(connection, "editor", scopes)[1]
        database.close()
        return text

    return make
