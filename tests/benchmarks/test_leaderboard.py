"""The leaderboard: cells are fitted once, told honestly, and gone on with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("optuna", reason="extra tune is not installed")
pytest.importorskip("torch", reason="extra torch is not installed")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the config of one small data set, and one whose data are not here."""
    folder = tmp_path_factory.mktemp("board")
    generator = np.random.default_rng(1)
    rows = ["user_id,item_id,split"]
    for user in range(60):
        liked = generator.permutation([item for item in range(80) if item % 2 == user % 2])[:8]
        parts = ["train"] * 6 + ["valid", "test"]
        rows += [f"{user},{item},{part}" for item, part in zip(liked, parts, strict=True)]
    (folder / "small").mkdir()
    (folder / "small" / "interactions.csv").write_text("\n".join(rows))
    for name in ("small", "elsewhere"):
        tree = {"data": {"path": name, "split": {"use": "given"}}, "cache": "cache.sqlite"}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(tree))
    return folder


def board(configs: Path, *words: str) -> str:
    """Run the leaderboard and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.quality.leaderboard", "--configs", str(configs)]
    places = ["--settings", str(configs / "settings"), "--out", str(configs / "out" / "board")]
    done = subprocess.run(
        [*command, *places, *words], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells(configs: Path) -> dict:
    rows = json.loads((configs / "out" / "board.json").read_text())["figures"]
    return {row["model"]: row for row in rows}


def test_cells_are_fitted_once_within_their_budget_and_anew_when_tuned(configs: Path) -> None:
    words = ["--models", "item_knn,popular,rp3beta,multi_dae", "--budget", "0.001", "--seeds", "2"]
    said = board(configs, *words)
    assert "small/item_knn: 0." in said, said
    assert "elsewhere" not in said
    first = cells(configs)
    assert first["item_knn"]["seeds"][0]["test"]["recall@20"] > 0.4
    assert len(first["multi_dae"]["seeds"]) == 1
    assert "1 of 2 seeds in 0.001 s; ended by its budget after epoch" in first["multi_dae"]["note"]
    assert board(configs, *words) == ""  # nothing is left to do

    board(configs, "--models", "item_knn,blend", "--tune", "--trials", "3", "--seeds", "1")
    found = yaml.safe_load((configs / "settings/small/item_knn.yaml").read_text())
    tuned = cells(configs)
    assert tuned["item_knn"]["settings"] == found["settings"]
    assert tuned["item_knn"]["trials"] == 3
    assert valid_recall(tuned["item_knn"]) >= valid_recall(first["item_knn"])
    members = tuned["blend"]["settings"]["recommend.members"]
    alike = max(("item_knn", "rp3beta"), key=lambda name: valid_recall(tuned[name]))
    assert {member["use"] for member in members} == {alike, "popular", "multi_dae"}
    for member in members:  # each as it is set in the table
        told = {f"recommend.{k}": v for k, v in member.items() if k != "use"}
        assert told == tuned[member["use"]]["settings"]

    page = (configs / "out" / "board.md").read_text()
    assert "| item_knn | 3 trials |" in page
    assert "| multi_dae † | defaults |" in page
    assert "| blend | best 3 |" in page
    assert "† multi_dae: 1 of 2 seeds" in page
    assert "<circle" in (configs / "out" / "board.svg").read_text()


def valid_recall(row: dict) -> float:
    return row["seeds"][0]["valid"]["recall@20"]
