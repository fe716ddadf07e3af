import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from polyrec.artifact.feature_cache import FeatureCache
from polyrec.errors import DataError
from polyrec.types import Problem


def test_the_first_vector_of_a_key_stays(tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "deep" / "c.sqlite") as cache:
        rows = {bytes([i]) * 32: np.full(3, i, np.float32) for i in range(200)}
        cache.put("one", rows)
        cache.put("one", {bytes(32): np.full(3, 9, np.float32)})
        cached = cache.get([*rows, b"absent"])
        assert cached.keys() == rows.keys()
        assert all(np.array_equal(cached[key], rows[key]) for key in rows)
        assert [(h.identity, h.vectors) for h in cache.encoders()] == [("one", 200)]


def test_more_keys_than_a_statement_takes(tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "c.sqlite") as cache:
        rows = {i.to_bytes(8): np.float32([i]) for i in range(1234)}
        cache.put("one", rows)
        assert len(cache.get(list(rows))) == 1234


def test_two_may_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with FeatureCache(path) as first, FeatureCache(path) as second:
        first.put("a", {b"1": np.float32([1])})
        second.put("a", {b"2": np.float32([2])})
        assert len(first.get([b"1", b"2"])) == len(second.get([b"1", b"2"])) == 2


def test_a_file_that_is_not_a_cache_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_bytes(
        b"this is no database, and long enough to be read as one" * 30
    )
    with pytest.raises(DataError, match="the feature cache can't be used"):
        FeatureCache(tmp_path / "c.sqlite")


WRITER = """
import sys, numpy as np
from pathlib import Path
from polyrec.artifact.feature_cache import FeatureCache
from polyrec.types import Problem
cache = FeatureCache(Path(sys.argv[1]))
for batch in range(10_000):
    cache.put("w", {(batch * 8 + i).to_bytes(8): np.full(64, batch, np.float32) for i in range(8)})
    print(batch, flush=True)
"""


def test_a_killed_writer_leaves_complete_batches_and_loses_none_it_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.sqlite"
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        written = int(writer.stdout.readline())
        time.sleep(0.05)
        os.kill(writer.pid, signal.SIGKILL)
        written = int([written, *writer.stdout.read().split()[:-1]][-1])
        writer.wait()
        writer.stdout.close()
        with FeatureCache(path) as cache:
            count = cache.encoders()[0].vectors
            assert count % 8 == 0
            assert count >= 8 * (written + 1)
            rows = cache.get([i.to_bytes(8) for i in range(count)])
            assert all((row == row[0]).all() and len(row) == 64 for row in rows.values())


def test_problems_are_cached_beside_vectors(tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "c.sqlite") as cache:
        broken = Problem("truncated", "cut off")
        cache.put("one", {b"a": np.float32([1, 2]), b"b": broken})
        assert cache.get([b"b"]) == {b"b": broken}
        held = cache.encoders()[0]
        assert (held.vectors, held.problems, held.bytes) == (1, 1, 8)


def test_pruning_deletes_what_it_selects_and_no_more(tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "c.sqlite") as cache:
        cache.put("LSA 1", {b"a": np.float32([1])})
        cache.put("CNN 1", {b"b": np.float32([1])})
        assert cache.prune(encoder="LSA", older_than_days=1) == 0
        assert cache.prune(encoder="LSA") == 1
        assert [held.identity for held in cache.encoders()] == ["CNN 1"]
        cache.put("LSA 1", {b"a": np.float32([1])})
        assert cache.prune() == 2


def test_a_cache_of_another_format_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with FeatureCache(path):
        pass
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="format 99, not 2"):
        FeatureCache(path)
