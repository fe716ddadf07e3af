"""The proposed config of a folder is right, shows its evidence, and runs to a report as it is."""

import json
from pathlib import Path

import pytest

import polyrec
from export_folders import FOLDERS
from polyrec.config import Config, read_config
from polyrec.data.proposal.propose import propose_data
from polyrec.data.proposal.render import render_config
from polyrec.types import silent

CHEAP = {"text": "lsa", "image": "descriptor", "audio": "spectral"}


def cheap_config(path: Path) -> Config:
    """Return a config with a cheap model and cheap encoders, and the file's data."""
    data = read_config(path).data
    named = [view for view in CHEAP if getattr(data, view)]
    overrides = ["recommend.use=popular", "engine.workers=1"]
    overrides += [f"encode.{view}.use={CHEAP[view]}" for view in named]
    return read_config(path, overrides=overrides)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_proposal_for_a_folder_is_right_and_runs(name: str, tmp_path: Path) -> None:
    right = FOLDERS[name]
    right.write(tmp_path)
    proposal = propose_data(tmp_path)
    text = render_config(proposal, tmp_path, tmp_path)
    assert {key: proposal.data.get(key) for key in right.data} == right.data, text
    assert {key: proposal.columns.get(key) for key in right.columns} == right.columns, text
    (tmp_path / "polyrec.yaml").write_text(text, encoding="utf-8")
    bundle = polyrec.run(cheap_config(tmp_path / "polyrec.yaml"), out=tmp_path / "out",
                         progress=silent)  # fmt: skip
    assert (tmp_path / "out" / "report.html").is_file()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["data"]["events"] > 40
    if name != "game_log":  # which has no times
        assert report["data"]["time_range"][0].startswith("2023-11-2")
    assert not [finding for finding in report["data"]["findings"] if finding["level"] == "error"]
    items = len(bundle.ids)
    assert all(view["present"] == items for view in report["views"])
    assert any(bundle.user_labels) == ("user_labels" in right.columns)
