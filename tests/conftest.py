"""Fixtures that every test can ask for."""

import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from benchmarks.library.postgres import Postgres, binaries
from machine_cache import MachineCache, default_place, opened
from polyrec.artifact.feature_cache import FeatureCache
from polyrec.compute.sandbox import Sandbox
from polyrec.config import Limits
from polyrec.contracts import Recommender
from polyrec.data.synthetic.audio import encode_audio, synthesize_clip
from polyrec.encode.run import EncodeContext
from polyrec.pipeline import default_encoders
from polyrec.types import Embeddings, Interactions
from small_models import fitted_once
from studio_worlds import LARGER, SMALL, studio_features, studio_world

# how long an example takes says how busy the machine is; --hypothesis-profile=thorough tries more
settings.register_profile("polyrec", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile("polyrec")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders whose files take longest: two workers end at about the same time."""
    slow = ("end_to_end", "serve", "cli")
    items.sort(key=lambda item: item.path.parent.name not in slow)


@pytest.fixture(scope="session", autouse=True)
def plain_text_encoder() -> Iterator[None]:
    """Encode texts by their words where a config names no encoder: MiniLM takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default_encoders, "is_minilm_installed", lambda: False)
        patch.setattr(default_encoders, "is_e5_installed", lambda: False)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public data sets, or skip with the reason."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("POLYREC_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"public data sets not found at {folder}; set POLYREC_DATA")
    return folder


@pytest.fixture(scope="session")
def machine_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachineCache]:
    """Return the folders that are kept between runs; at the end, none has been changed."""
    cache = opened(default_place(), tmp_path_factory.mktemp("machine_cache"))
    yield cache
    cache.check()


@pytest.fixture(scope="session")
def world(machine_cache: MachineCache) -> Path:
    """Return the folder of a small studio data set; nobody may change it."""
    return studio_world(machine_cache, SMALL)


@pytest.fixture(scope="session")
def larger_world(machine_cache: MachineCache) -> Path:
    """Return the folder of a studio data set on which models learn; nobody may change it."""
    return studio_world(machine_cache, LARGER)


@pytest.fixture(scope="session")
def features(machine_cache: MachineCache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a feature cache with the plain encoders' features of the small data set's media.

    A test of anything but reading media can name it as `cache`.
    """
    return studio_features(machine_cache, SMALL, tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def larger_features(machine_cache: MachineCache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same of the larger data set."""
    return studio_features(machine_cache, LARGER, tmp_path_factory.mktemp("larger_features"))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Return decoding processes that all tests share."""
    with Sandbox(Limits(timeout_s=20)) as opened:
        yield opened


@pytest.fixture
def context(sandbox: Sandbox, tmp_path: Path) -> Iterator[EncodeContext]:
    """Return a context for encoding, with an empty cache."""
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        yield EncodeContext(sandbox, cache, workers=2)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the folder of a tiny random model by its family's name."""
    folder = tmp_path_factory.mktemp("models")

    def find(family: str) -> Path:
        from tiny_models import save

        return folder / family if (folder / family).is_dir() else save(family, folder / family)

    return find


@pytest.fixture(scope="session")
def checkerboard() -> Interactions:
    """Return 20 users on 12 items: even users took even items, odd ones odd, each but one.

    Nobody may change it, nor the views of its items.
    """
    pairs = [
        (user, item)
        for user in range(20)
        for item in range(12)
        if user % 2 == item % 2 and item // 2 != user % 6
    ]
    return Interactions.of(*zip(*pairs, strict=True), shape=(20, 12))


@pytest.fixture(scope="session")
def parity_views() -> dict[str, Embeddings]:
    """Return two views of the checkerboard's items that tell even from odd; item 11 lacks one."""
    generator = np.random.default_rng(0)
    odd = np.arange(12) % 2
    text = np.stack([odd, 1 - odd], axis=1) + 0.1 * generator.standard_normal((12, 2))
    image = np.outer(odd - 0.5, np.ones(3)) + 0.1 * generator.standard_normal((12, 3))
    here = np.ones(12, bool)
    partly = here.copy()
    partly[11] = False
    image[11] = 0
    return {
        "text": Embeddings(text.astype(np.float32), here),
        "image": Embeddings(image.astype(np.float32), partly),
    }


@pytest.fixture(scope="session")
def fitted(
    checkerboard: Interactions, parity_views: dict[str, Embeddings]
) -> Iterator[Callable[[str], Recommender]]:
    """Return a function from a name to a small recommender, fitted on the checkerboard.

    Nobody may change it or fit it again.
    """
    yield from fitted_once(checkerboard, parity_views)


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """Return a JPEG of 64 x 48 pixels, red on the left and blue on the right."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32, 0] = pixels[:, 32:, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def mp3() -> bytes:
    """Return 3 s of music."""
    shared = np.eye(8)[2]
    return encode_audio(synthesize_clip(shared, np.zeros(4), np.random.default_rng(0)), ogg=False)


@pytest.fixture(scope="session")
def silent_mp4() -> bytes:
    """Return 2 s of video without sound: black, then white from one second on."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for index in range(20):
            pixels = np.full((64, 64, 3), 255 * (index >= 10), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Return a running PostgreSQL of our own, or skip with the reason."""
    found = binaries()
    if found is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian: postgresql)")
    if os.geteuid() == 0:  # the server refuses to run as root: its user has to reach the folder
        folder = Path(tempfile.mkdtemp(prefix="polyrec-postgres-"))
    else:
        folder = tmp_path_factory.mktemp("postgres")
    server = Postgres(found, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.sqlite'}"
    return request.getfixturevalue("postgres").database(f"t{uuid.uuid4().hex}")
