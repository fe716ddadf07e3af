"""A run that was killed while it trained goes on from its checkpoint to the same bundle."""

from pathlib import Path

import numpy as np
import pytest

from polyrec.config import Config, parse_config
from polyrec.errors import FitError
from polyrec.pipeline.run import run

pytest.importorskip("torch")


def config(world: Path, tmp_path: Path, *, epochs: int = 4) -> Config:
    return parse_config(
        {
            "preset": "shop",
            "data": {"path": str(world), "text": ["title"]},
            "recommend": {
                "use": "two_tower",
                "epochs": epochs,
                "batch": 256,
                "device": "cpu",
                "weight_decay": 0.01,
                "hide": 0.3,
            },
            "engine": {"checkpoint_steps": 2},
            "cache": str(tmp_path / "cache.sqlite"),
        },
        folder=tmp_path,
    )


class KilledError(BaseException):
    """Stands for the end of the process."""


def test_a_run_killed_while_training_ends_as_if_it_never_was(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = run(config(world, tmp_path), out=tmp_path / "whole")
    seen = []

    def dying(stage: str, done: int, total: int, note: str = "", /) -> None:
        if stage.endswith("two_tower"):
            seen.append(done)
            if done == 3:
                raise KilledError

    with pytest.raises(KilledError):
        run(config(world, tmp_path), out=tmp_path / "killed", progress=dying)
    assert (tmp_path / ".killed.trainings").is_dir()
    with pytest.raises(FitError, match="a checkpoint of another training"):
        run(config(world, tmp_path, epochs=5), out=tmp_path / "killed")
    lines = (tmp_path / ".killed.trainings" / "trainings.jsonl").read_text().splitlines()
    again = run(config(world, tmp_path), out=tmp_path / "killed")
    assert len(lines) >= 3
    assert not (tmp_path / ".killed.trainings").exists()
    query = complete.events.histories(range(20))
    mine, theirs = (b.parts.recommender.score(query) for b in (again, complete))
    assert np.array_equal(mine, theirs)
