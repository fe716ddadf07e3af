"""Folders that many tests read and whose making is slow, kept on this machine between runs.

A folder is made anew where a source file, a setting or a package that its content comes from has
changed, or where a file of it was changed. POLYREC_TEST_CACHE names another place for them; "off"
makes each once per process, in a temporary folder.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = REPOSITORY / "src" / "polyrec"
MANIFEST = "sha256.json"
MOST = 24  # folders; those not used for longest go first
IN_USE_S = 3 * 3600  # a folder used this recently may be another run's


class MachineCache:
    """Folders by name and key, each made once by whoever needs it first.

    Nobody may write into a folder: `check` raises where that happened.
    """

    def __init__(self, place: Path) -> None:
        assert not place.resolve().is_relative_to(REPOSITORY), "the cache lies in the repository"
        self.place = place
        self._used: set[Path] = set()

    def folder(self, name: str, make: Callable[[Path], object], *, key: str) -> Path:
        """Return the folder that `make` fills; processes that need it at once wait for the first.

        >>> with tempfile.TemporaryDirectory() as place:
        ...     cache = MachineCache(Path(place))
        ...     made = cache.folder("greeting", lambda f: (f / "a").write_text("hello"), key="1")
        ...     (made / "a").read_text()
        'hello'
        """
        target = self.place / f"{name}-{key[:32]}"
        with _locked(self.place / f"{name}.lock"):
            if not _is_whole(target):
                self._make(target, make)
            os.utime(target)  # it is used
        self._used.add(target)
        return target / name

    def check(self) -> None:
        """Refuse folders that were changed since they were made; the next run makes them anew."""
        changed = [target.name for target in self._used if not _is_whole(target)]
        assert not changed, f"a test wrote into a folder that all tests share: {changed}"

    def _make(self, target: Path, make: Callable[[Path], object]) -> None:
        self._make_room()
        shutil.rmtree(target, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self.place, prefix="part-") as part:
            content = Path(part) / "made" / target.name.rpartition("-")[0]
            content.mkdir(parents=True)
            make(content)
            (content.parent / MANIFEST).write_text(json.dumps(_digests(content)))
            try:
                content.parent.rename(target)
            except OSError:  # without locks, another process may have been first
                if not _is_whole(target):
                    raise

    def _make_room(self) -> None:
        """Delete what was not used for longest, and what a killed run left."""
        latest_first = [
            path
            for path in sorted(self.place.iterdir(), key=lambda path: -path.stat().st_mtime)
            if path.is_dir()
        ]
        left = [path for path in latest_first if path.name.startswith("part-")]
        for path in left + [path for path in latest_first if path not in left][MOST - 1 :]:
            if time.time() - path.stat().st_mtime > IN_USE_S:
                shutil.rmtree(path, ignore_errors=True)


def default_place() -> Path | None:
    """Return the folder of the user's cache, or what POLYREC_TEST_CACHE names; None if "off"."""
    named = os.environ.get("POLYREC_TEST_CACHE")
    if named:
        return None if named == "off" else Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "polyrec-tests"


def opened(place: Path | None, fallback: Path) -> MachineCache:
    """Return the cache at a place, or one in the fallback where that is None or not writable."""
    with contextlib.suppress(OSError):
        if place is not None:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=place):
                return MachineCache(place)
    return MachineCache(fallback)


def key_of(settings: object, *, sources: Iterable[str], files: Iterable[Path] = ()) -> str:
    """Return a digest of settings, of source files, and of the versions of what polyrec needs.

    `sources` are files and folders below src/polyrec, `files` others of the repository. This file
    is always one of them: checkouts that lay folders out otherwise have folders of their own.
    """
    digest = hashlib.sha256(f"{settings!r} {sys.version} {sys.platform} {_versions()}".encode())
    for path in (
        *(file for name in sources for file in _files(SOURCES / name)),
        *files,
        Path(__file__),
    ):
        digest.update(f"{path.relative_to(REPOSITORY)} ".encode() + path.read_bytes())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    assert path.exists(), f"no such source: {path}"
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _versions() -> list[str]:
    found = []
    for requirement in sorted(requires("polyrec") or ()):
        name = requirement.split(";")[0].strip().split("[")[0]
        name = name[: next((i for i, c in enumerate(name) if c in "<>=!~ "), len(name))]
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


def _digests(content: Path) -> dict[str, str]:
    return {
        path.relative_to(content).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(content.rglob("*"))
        if path.is_file()
    }


def _is_whole(target: Path) -> bool:
    try:
        kept = json.loads((target / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return bool(kept == _digests(target / target.name.rpartition("-")[0]))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, where the system has such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
