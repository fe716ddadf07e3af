"""What benchmarks share, and the claims of theirs that cost nothing to check."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.library.interleave import best_of
from benchmarks.library.results import read_figures, write_results
from polyrec.types import Interactions


def test_functions_take_turns_and_the_best_round_counts() -> None:
    calls: list[str] = []
    clock = itertools.accumulate([0, 3, 0, 5, 0, 2, 0, 7])  # 3 and 5, then 2 and 7 seconds
    seconds = best_of(
        2, lambda: calls.append("a"), lambda: calls.append("b"), clock=lambda: next(clock)
    )
    assert calls == ["a", "b", "a", "b"]
    assert seconds == [2, 5]


def test_results_name_command_machine_and_versions(tmp_path: Path) -> None:
    path = tmp_path / "results" / "speed.json"
    assert read_figures(path) is None
    write_results(path, {"ratio": 1.5})
    assert read_figures(path) == {"ratio": 1.5}
    results = json.loads(path.read_text())
    assert results["command"].startswith("python ")
    assert results["versions"]["polyrec"]
    assert results["hardware"]["cores"] >= 1
    assert [file.name for file in path.parent.iterdir()] == ["speed.json"]


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_both_versions_of_an_epoch_have_the_same_gradients(
    checkerboard: Interactions, loss: str
) -> None:
    pytest.importorskip("torch", reason="extra torch is not installed")
    from benchmarks.speed.propagation import (
        PlainTraining,
        epoch_of,
        gradient_difference,
        make_training,
    )
    from polyrec.recommend.graph.base import _Training
    from polyrec.recommend.graph.lightgcn import LightGCN

    model = LightGCN(loss=loss, dim=8, batch=8, hide=0)
    fast = make_training(_Training, model, checkerboard)
    plain = make_training(PlainTraining, model, checkerboard).prepare()
    assert gradient_difference(fast, plain) < 1e-5
    epoch_of(plain, model)()
    assert all(np.isfinite(p.detach().numpy()).all() for p in plain._network.parameters())
