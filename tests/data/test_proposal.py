"""The proposed config of a folder is right, shows its evidence, and runs as it is."""

from pathlib import Path

import pytest

from export_folders import FOLDERS
from polyrec.config import read_config
from polyrec.data.load import load_dataset
from polyrec.data.proposal.propose import propose_data
from polyrec.data.proposal.render import render_config


@pytest.mark.parametrize("name", FOLDERS)
def test_the_proposal_for_a_folder_is_right_and_loads(name: str, tmp_path: Path) -> None:
    right = FOLDERS[name]
    right.write(tmp_path)
    proposal = propose_data(tmp_path)
    text = render_config(proposal, tmp_path, tmp_path)
    assert {key: proposal.data.get(key) for key in right.data} == right.data, text
    assert {key: proposal.columns.get(key) for key in right.columns} == right.columns, text
    (tmp_path / "polyrec.yaml").write_text(text, encoding="utf-8")
    config = read_config(tmp_path / "polyrec.yaml")
    loaded = load_dataset(config.data, weights=config.weights, seed=config.seed)
    assert loaded.validation.ok
    assert loaded.validation.counts["events"] > 40
    assert loaded.validation.counts["time_range"][0].startswith("2023-11-2")
