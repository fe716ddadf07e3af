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

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the config of one small data set, and one whose data are not here."""
    folder = tmp_path_factory.mktemp("board")
    generator = np.random.default_rng(1)
    rows = ["user_id,item_id,split"]
    for user in range(30):
        liked = generator.permutation([item for item in range(40) if item % 2 == user % 2])[:8]
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
    command = [sys.executable, str(BENCHMARKS / "leaderboard.py"), "--configs", str(configs)]
    places = ["--settings", str(configs / "settings"), "--out", str(configs / "out" / "board")]
    done = subprocess.run(
        [*command, *places, *words], env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def cells(configs: Path) -> dict:
    rows = json.loads((configs / "out" / "board.json").read_text())["figures"]
    return {row["model"]: row for row in rows}


def test_cells_are_fitted_once_and_tuned_settings_come_from_files(configs: Path) -> None:
    said = board(configs, "--models", "popular,item_knn")
    assert "small/popular: 0." in said
    assert "elsewhere" not in said
    first = cells(configs)
    assert first["item_knn"]["seeds"][0]["test"]["recall@20"] > 0.4
    assert board(configs, "--models", "popular,item_knn") == ""  # nothing is left to do
    said = board(configs, "--models", "item_knn,popular", "--tune", "--trials", "3")
    assert "popular is not tuned: there is nothing to tune" in said
    found = yaml.safe_load((configs / "settings/small/item_knn.yaml").read_text())
    tuned = cells(configs)["item_knn"]
    assert tuned["settings"] == found["settings"]
    assert tuned["trials"] == 3
    assert (
        tuned["seeds"][0]["valid"]["recall@20"]
        >= first["item_knn"]["seeds"][0]["valid"]["recall@20"]
    )
    page = (configs / "out" / "board.md").read_text()
    assert "| item_knn | 3 trials |" in page
    assert "| popular | defaults |" in page
    assert "<circle" in (configs / "out" / "board.svg").read_text()


def test_a_training_ends_with_its_budget_and_the_table_says_so(configs: Path) -> None:
    said = board(configs, "--models", "multi_dae", "--budget", "0.001", "--seeds", "2")
    assert "ended by its budget after epoch" in said
    row = cells(configs)["multi_dae"]
    assert len(row["seeds"]) == 1
    assert "1 of 2 seeds in 0.001 s" in row["note"]
    assert "† multi_dae: 1 of 2 seeds" in (configs / "out" / "board.md").read_text()
