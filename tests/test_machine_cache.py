"""The cache of the tests themselves: made once, made again when it must be, never written into."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from machine_cache import IN_USE_S, MOST, REPOSITORY, MachineCache, key_of, opened


def write(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "a.txt").write_text("whole")


def test_a_folder_is_made_once_and_anew_for_another_key(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        write(folder)

    for _ in range(2):
        cache = MachineCache(tmp_path)
        folder = cache.folder("words", make, key="1")
        assert (folder / "deep" / "a.txt").read_text() == "whole"
        cache.check()
    assert len(made) == 1
    assert MachineCache(tmp_path).folder("words", make, key="2") != folder
    assert len(made) == 2


@pytest.mark.parametrize("harm", ["changed", "cut", "lost", "added", "no manifest", "bad manifest"])
def test_a_damaged_folder_is_noticed_and_made_anew(tmp_path: Path, harm: str) -> None:
    cache = MachineCache(tmp_path)
    folder = cache.folder("words", write, key="1")
    file, manifest = folder / "deep" / "a.txt", folder.parent / "sha256.json"
    harms = {
        "changed": lambda: file.write_text("WHOLE"),
        "cut": lambda: file.write_text("wh"),
        "lost": file.unlink,
        "added": lambda: (folder / "more").write_text(""),
        "no manifest": manifest.unlink,
        "bad manifest": lambda: manifest.write_text("{"),
    }
    harms[harm]()
    with pytest.raises(AssertionError, match="wrote into a folder that all tests share"):
        cache.check()
    again = MachineCache(tmp_path).folder("words", write, key="1")
    assert again == folder
    assert sorted(path.name for path in folder.rglob("*")) == ["a.txt", "deep"]
    assert file.read_text() == "whole"


def test_a_failed_making_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError):
        MachineCache(tmp_path).folder("words", fail, key="1")
    assert [path.name for path in tmp_path.iterdir()] == ["words.lock"]


def test_processes_that_need_a_folder_at_once_make_it_once(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from machine_cache import MachineCache\n"
        "def make(folder):\n"
        "    with open(sys.argv[1] + '/log', 'a') as log: log.write('made ')\n"
        "    time.sleep(0.3)\n"
        "    (folder / 'a').write_text('whole')\n"
        "made = MachineCache(Path(sys.argv[1]) / 'cache').folder('words', make, key='1')\n"
        "print((made / 'a').read_text())\n"
    )
    (tmp_path / "cache").mkdir()
    tests = str(REPOSITORY / "tests")
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": tests}, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    assert [run.communicate()[0].strip() for run in runs] == ["whole"] * 3
    assert (tmp_path / "log").read_text() == "made "


def test_folders_not_used_for_longest_go_first(tmp_path: Path) -> None:
    cache = MachineCache(tmp_path)
    cache.folder("words", write, key="kept")
    old = time.time() - IN_USE_S - 60
    for number in range(MOST + 3):
        folder = cache.folder("words", write, key=str(number)).parent
        os.utime(folder, (old - number, old - number))
    (tmp_path / "part-killed").mkdir()
    os.utime(tmp_path / "part-killed", (old, old))
    cache.folder("words", write, key="new")
    names = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert len(names) == MOST
    assert {"words-kept", "words-new", "words-0"} <= names
    assert "part-killed" not in names
    assert f"words-{MOST + 2}" not in names


def test_the_key_follows_settings_and_sources(tmp_path: Path) -> None:
    key = key_of("a", sources=["types.py"])
    assert key == key_of("a", sources=["types.py"])
    others = {key_of("b", sources=["types.py"]), key_of("a", sources=["errors.py"]),
              key_of("a", sources=["types.py"], files=[Path(__file__)])}  # fmt: skip
    assert len(others | {key}) == 4
    with pytest.raises(AssertionError, match="no such source"):
        key_of("a", sources=["nowhere"])


def test_it_never_lies_in_the_repository_and_can_be_switched_off(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="in the repository"):
        MachineCache(REPOSITORY / "cache")
    assert opened(None, tmp_path).place == tmp_path
    file = tmp_path / "a file"
    file.write_text("")
    assert opened(file, tmp_path).place == tmp_path
