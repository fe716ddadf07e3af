"""Bundles and requests of the serving benchmarks fit the service of today."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving.bundles import random_bundle, save_trained_bundles
from benchmarks.serving.requests import MIX, event_batches, mixed_requests
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.bundle_registry import BundleRegistry


@pytest.mark.parametrize("dense", [True, False])
def test_random_bundles_recommend(tmp_path: Path, dense: bool) -> None:
    folder = random_bundle(80, tmp_path, dense=dense).save(tmp_path / "bundle")
    ids, scores = Bundle.load(folder).recommend(users=["user-00007"], k=5)
    assert len(ids[0]) == 5
    assert np.isfinite(scores[0]).all()


def test_trained_bundles_are_two_versions(tmp_path: Path) -> None:
    save_trained_bundles(tmp_path, 200)
    registry = BundleRegistry(tmp_path)
    assert registry.names() == ["000001", "000002"]
    assert registry.current().name == "000001"
    bundle = Bundle.load(tmp_path / "000002")
    assert set(bundle.views) >= {"text", "image"}
    assert len(bundle.recommend(users=["user-00007"], k=5)[0][0]) == 5


def test_mixed_requests_have_their_shares() -> None:
    requests = list(itertools.islice(mixed_requests(50, event_batches(50)), sum(MIX.values())))
    batches = [r for r in requests if r.startswith(b"POST /api/feedback ")]
    assert len(requests) == 100
    assert len(batches) == MIX["events"]
    assert len(json.loads(batches[0].partition(b"\r\n\r\n")[2])) == 10
