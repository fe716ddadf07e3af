"""Killed again and again at any moment, an encoding run loses nothing and makes nothing twice."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from polyrec.artifact.feature_cache import FeatureCache
from polyrec.compute.sandbox import Sandbox
from polyrec.config import Limits
from polyrec.encode.image.descriptor import Descriptor
from polyrec.encode.run import EncodeContext, encode_contents

RUN = """
import sys
from pathlib import Path
from polyrec.config import Limits
from polyrec.encode.image.descriptor import Descriptor
from polyrec.encode.run import EncodeContext, fill_cache
from polyrec.compute.sandbox import Sandbox
from polyrec.artifact.feature_cache import FeatureCache
files = sorted(Path(sys.argv[1]).iterdir())
with FeatureCache(Path(sys.argv[2])) as cache, Sandbox(Limits()) as sandbox:
    tally = fill_cache(Descriptor(), files, EncodeContext(sandbox, cache, workers=1))
print(tally.present)
"""
COUNT = 280


def rows(path: Path) -> int:
    if not path.exists():
        return 0
    with sqlite3.connect(path) as database:
        known = database.execute("SELECT name FROM sqlite_master WHERE name = 'features'")
        if not known.fetchone():
            return 0
        return int(database.execute("SELECT count(*) FROM features").fetchone()[0])


def pictures(folder: Path) -> list[Path]:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for i in range(COUNT):
        pixels = generator.integers(0, 256, (200, 200, 3)).astype(np.uint8)
        # one file in seven is another's twin
        if i % 7 == 6:
            (folder / f"{i:04}.png").write_bytes((folder / f"{i - 1:04}.png").read_bytes())
        else:
            Image.fromarray(pixels).save(folder / f"{i:04}.png", compress_level=1)
    return sorted(folder.iterdir())


def start(folder: Path, cache: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", RUN, str(folder), str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def decoders() -> set[int]:
    """Return the decoding processes of this machine that have lost their run."""
    children = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"polyrec.compute.decode_worker" in command and parent == 1:
            children.add(int(folder.name))
    return children


def test_a_run_killed_at_any_moment_goes_on_and_ends_as_if_it_never_was(tmp_path: Path) -> None:
    files = pictures(tmp_path / "pictures")
    cache = tmp_path / "c.sqlite"
    orphans = decoders()
    chance = random.Random(0)
    kept = [0]
    for more in (0, 1, 20, 60):  # rows that a run adds before it is killed
        run = start(tmp_path / "pictures", cache)
        while rows(cache) < kept[-1] + more and run.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.05) if more else 0.7)  # the first while it starts
        assert run.poll() is None  # it was killed while it worked
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        kept.append(rows(cache))
        assert kept[-1] >= kept[-2] + more  # nothing is lost
    assert kept[-1] < COUNT - COUNT // 7
    two = [start(tmp_path / "pictures", cache) for _ in range(2)]  # sharing one cache
    assert [run.communicate()[0].strip() for run in two] == [str(COUNT)] * 2
    assert rows(cache) == COUNT - COUNT // 7  # twins once, nothing double
    with (
        FeatureCache(cache) as kept_cache,
        FeatureCache(tmp_path / "d.sqlite") as fresh,
        Sandbox(Limits()) as sandbox,
    ):
        after = encode_contents(Descriptor(), files, EncodeContext(sandbox, kept_cache))
        never = encode_contents(Descriptor(), files, EncodeContext(sandbox, fresh))
    assert np.array_equal(after.vectors, never.vectors)
    assert after.present.all()
    deadline = time.time() + 5
    while decoders() - orphans and time.time() < deadline:
        time.sleep(0.1)
    assert not decoders() - orphans  # a killed run leaves no process behind
