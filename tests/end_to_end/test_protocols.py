"""The protocols the whole way, and that nothing which was learned depends on test."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import polyrec
from polyrec.config import Config, parse_config
from polyrec.errors import ConfigError, DataError
from polyrec.pipeline.evaluation import evaluate_bundle

USERS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return data in which users of one half like one half of the items, and features tell it."""
    copy = tmp_path_factory.mktemp("halves")
    generator = np.random.default_rng(3)
    rows = []
    for user in range(USERS):
        own = generator.permutation(np.arange(user % 2, ITEMS, 2))[:14]
        rows += [(f"u{user:02d}", f"i{item:02d}") for item in own]
    times = generator.permutation(len(rows)) + 1_000_000
    write(copy, rows, times.tolist())
    pl.DataFrame({"item_id": [f"i{i:02d}" for i in range(ITEMS)]}).write_csv(copy / "items.csv")
    side = np.arange(ITEMS) % 2
    features = np.stack([side, 1 - side, np.ones(ITEMS)], axis=1)
    features = features + 0.1 * generator.standard_normal((ITEMS, 3))
    np.save(copy / "text_feat.npy", features.astype(np.float32))
    return copy


def write(copy: Path, rows: list, times: list, split: list | None = None) -> None:
    users, items = zip(*rows, strict=True)
    columns = {"user_id": users, "item_id": items, "timestamp": times}
    frame = pl.DataFrame(columns if split is None else {**columns, "split": split})
    frame.write_csv(copy / "interactions.csv")


def config(folder: Path, protocol: str, **evaluate: object) -> Config:
    tree = {
        "data": {"path": str(folder), "features": {"text": "text_feat.npy"}},
        "recommend": {"use": "multimodal_linear", "content_l2": 1.0, "l2": 10.0},
        "evaluate": {"protocol": protocol, "metrics": ["recall@5", "ndcg@5", "diversity@5"],
                     "select_by": "recall@5", **evaluate},
        "cache": str(folder / "cache.sqlite"),
    }  # fmt: skip
    return parse_config(tree, folder=folder)


@pytest.mark.parametrize("protocol", ["compat", "global_time", "leave_one_out", "new_items"])
def test_each_protocol_runs_end_to_end(folder: Path, tmp_path: Path, protocol: str) -> None:
    bundle = polyrec.run(config(folder, protocol), out=tmp_path / "out")
    report = json.loads((tmp_path / "out/report.json").read_text())
    columns = ["recall@5:warm", "recall@5:cold"] if protocol == "new_items" else []
    assert set(columns) <= report["metrics"]["test"].keys()
    again = evaluate_bundle(bundle, ["recall@5"])["test"]
    assert again.means["recall@5"] == report["metrics"]["test"]["recall@5"]
    assert set(again.means) == {"recall@5", *columns}
    assert set(evaluate_bundle(bundle, ["mrr@5"], protocol="compat")["test"].means) == {"mrr@5"}
    other = "leave_one_out" if protocol != "leave_one_out" else "global_time"
    with pytest.raises(ConfigError, match="the bundle has another split"):
        evaluate_bundle(bundle, ["mrr@5"], protocol=other)


def test_new_items_are_found_and_settings_can_be_chosen_for_them(folder: Path) -> None:
    settings = config(folder, "new_items", select_by="recall@5:cold")
    tree = settings.model_dump() | {"recommend": {"use": "multimodal_linear"}}
    bundle = polyrec.run(parse_config(tree, folder=folder))
    evaluations = evaluate_bundle(bundle, ["recall@5", "hit_rate@5"])
    for part in ("valid", "test"):
        means = evaluations[part].means
        assert means["hit_rate@5:cold"] > 0.3, part
        assert 0 <= means["recall@5:warm"] <= 1, part
    test_only = set(bundle.behaviour["test"].items) - set(bundle.behaviour["train"].items)
    assert abs(len(test_only) - 0.2 * ITEMS) <= 1
    assert not test_only & set(bundle.behaviour["valid"].items)


def test_nothing_that_was_learned_depends_on_test(folder: Path, tmp_path: Path) -> None:
    """Two data sets that differ in test alone, down to which items only test knows."""
    frame = pl.read_csv(folder / "interactions.csv")
    rows = list(zip(frame["user_id"], frame["item_id"], strict=True))
    split = ["test" if i % 7 == 0 else "valid" if i % 7 == 1 else "train" for i in range(len(rows))]
    seals = []
    for name in ("one", "two"):
        copy = tmp_path / name
        copy.mkdir()
        for file in ("items.csv", "text_feat.npy"):
            (copy / file).write_bytes((folder / file).read_bytes())
        write(copy, rows, frame["timestamp"].to_list(), split)
        polyrec.run(config(copy, "compat"), out=copy / "out")
        seals.append(json.loads((copy / "out/manifest.json").read_text())["files"])
        taken = set(rows)
        for i, part in enumerate(split):  # every user's test moves to items it never took
            if part == "test":
                user = rows[i][0]
                free = (f"i{item:02d}" for item in range(ITEMS))
                rows[i] = next(pair for item in free if (pair := (user, item)) not in taken)
                taken.add(rows[i])
    assert seals[0]["events.npz"] != seals[1]["events.npz"]
    learned = {file for file in seals[0] if file != "events.npz"}
    assert {"recommend.npz", "views.npz", "encode.text.npz"} <= learned
    assert {file: seals[0][file] for file in learned} == {file: seals[1][file] for file in learned}


def test_a_split_that_leaks_stops_the_run_before_anything_is_learned(
    folder: Path, tmp_path: Path
) -> None:
    frame = pl.read_csv(folder / "interactions.csv").with_row_index()
    rows = list(zip(frame["user_id"], frame["item_id"], strict=True))
    times = frame["timestamp"].to_list()
    split = ["test" if i % 5 == 0 else "valid" if i % 5 == 1 else "train" for i in range(len(rows))]
    for file in ("items.csv", "text_feat.npy"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    settings = config(tmp_path, "global_time").model_dump()
    settings["data"]["split"]["use"] = "given"
    write(tmp_path, rows, times, split)
    steps: list = []
    with pytest.raises(DataError, match="leak: valid has events older than the newest of train"):
        polyrec.run(parse_config(settings, folder=tmp_path), progress=lambda *s: steps.append(s))
    write(tmp_path, [*rows, rows[0]], [*times, 1], [*split, "train"])
    with pytest.raises(DataError, match="leak: user-item pairs in both train and test"):
        polyrec.run(config(tmp_path, "compat"), progress=lambda *s: steps.append(s))
    assert steps == []
