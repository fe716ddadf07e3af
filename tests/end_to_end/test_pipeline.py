"""The whole way on the studio data set: what is true of it comes out."""

import json
from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec.config import parse_config
from polyrec.data.load import load_dataset
from polyrec.errors import ConfigError, DataError
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.pipeline.assemble import validated_config
from polyrec.pipeline.checks import check_data
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.evaluation import evaluate_bundle

MEDIA = {"text": ["title", "description"], "image": "image", "audio": "audio", "video": "video"}


def config(world: Path, folder: Path, **change: object):
    tree = {
        "preset": "shop",
        "data": {"path": str(world), **MEDIA},
        "align": {"use": "whiten", "width": 32},
        "evaluate": {"metrics": ["recall@10", "ndcg@10"], "select_by": "ndcg@10"},
        "cache": str(folder / "cache.sqlite"),
    }
    return parse_config(tree | change, folder=folder)


def test_settings_may_be_a_dict_with_paths_relative_to_the_working_directory() -> None:
    settings = {"data": {"path": "shop", "image": "cover"}, "recommend": {"use": "ease", "l2": 9}}
    assert validated_config(settings) == parse_config(settings, folder=Path.cwd())
    with pytest.raises(ConfigError, match=r"recommend.*unknown setting: received 'l3'"):
        validated_config(settings | {"recommend": {"use": "ease", "l3": 9}})


@pytest.fixture(scope="module")
def larger(larger_world: Path, larger_features: Path) -> Path:
    """Return the folder of the larger world; its features lie in the cache beside it."""
    folder = larger_features.with_name("world")
    folder.symlink_to(larger_world)
    return folder


@pytest.fixture(scope="module")
def run(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    """Return the bundle of a run that had to read all media, and its progress."""
    folder, steps = tmp_path_factory.mktemp("run"), []
    polyrec.run(config(world, folder), out=folder / "out", progress=lambda *s: steps.append(s))
    return folder / "out", steps


def test_a_run_writes_all_files_and_reports_progress(world: Path, run: tuple[Path, list]) -> None:
    out, steps = run
    report = json.loads((out / "report.json").read_text())
    damaged = json.loads((world / "truth/truth.json").read_text())["damaged"]
    views = {view["name"]: view for view in report["views"]}
    assert set(views) == set(MEDIA)
    unread = {(kind, item) for kind, view in views.items() for item in view["problems"]}
    broken = {(name.split("/")[0], f"i{int(name[6:11]):04d}") for name in damaged}
    assert unread == broken
    assert broken
    assert report["data"]["hash"]
    assert {"data", "encode", "baselines", "fit", "evaluate"} <= report["seconds"].keys()
    assert report["cost"]["choose_s"] == report["seconds"]["choose settings"]
    assert [baseline["name"] for baseline in report["baselines"]] == ["popular", "item_knn", "ease"]
    for baseline in report["baselines"]:  # the model's trials have EASE among them
        assert baseline["valid"] <= report["trials"][0]["score"]
        mean, low, high = baseline["differences"]["recall@10"]
        assert low <= mean <= high
        ahead = report["metrics"]["test"]["recall@10"] - baseline["means"]["recall@10"]
        assert mean == pytest.approx(ahead)
    assert report["trials"][0]["score"] == pytest.approx(report["metrics"]["valid"]["ndcg@10"])
    assert {stage for stage, *_ in steps} >= {
        "encode image",
        "choose settings on valid",
        "evaluate",
    }
    assert all(done <= total for _, done, total, *_ in steps)
    listed = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    assert {(entry["view"], entry["item"]) for entry in listed} == broken
    assert {entry["status"] for entry in listed} <= {"damaged", "truncated", "wrong type"}
    page = (out / "quarantine.html").read_text()
    assert all(entry["item"] in page for entry in listed)
    assert "quarantine.html" in (out / "report.html").read_text()
    assert (out / "report.html").stat().st_size > 20_000
    kept = np.load(out / "per_user.npz")
    assert kept["recall_at_10"].mean() == pytest.approx(report["metrics"]["test"]["recall@10"])


def test_the_same_seed_gives_the_same_bundle(
    world: Path, features: Path, run: tuple[Path, list], tmp_path: Path
) -> None:
    polyrec.run(config(world, tmp_path, cache=str(features)), out=tmp_path / "again")
    files = [
        json.loads((out / "manifest.json").read_text())["files"]
        for out in (run[0], tmp_path / "again")
    ]
    assert files[0] == files[1]


def test_content_beats_behaviour_alone_beats_popularity(larger: Path) -> None:
    reached = {}
    for use in ("popular", "ease", "multimodal_linear"):
        bundle = polyrec.run(config(larger, larger.parent, recommend={"use": use}))
        evaluation = evaluate_bundle(bundle, ["ndcg@10"])
        reached[use] = evaluation["test"].means["ndcg@10"]
    assert reached["multimodal_linear"] > reached["ease"] > reached["popular"]


def test_new_items_are_found_by_content_and_not_when_content_is_shuffled(larger: Path) -> None:
    settings = config(larger, larger.parent, recommend={"use": "multimodal_linear", "l2": 20})
    tree = settings.model_dump() | {
        "data": settings.data.model_dump() | {"split": {"use": "new_items"}}
    }
    dataset = load_dataset(parse_config(tree, folder=larger).data, weights=settings.weights, seed=7)
    _, views = encode_dataset(settings, dataset)
    order = np.random.default_rng(0).permutation(len(dataset.catalog))
    shuffled = {name: view.take(order) for name, view in views.items()}
    reached = []
    for content in (views, shuffled):
        model = polyrec.recommend.MultimodalLinear(l2=20).fit(dataset.train, content)
        evaluation = evaluate_top_k(model, dataset.train, dataset.test, ["recall@5:cold"])
        reached.append(evaluation.means["recall@5:cold"])
    assert reached[0] > 3 * reached[1]


def test_a_missing_valid_leaves_the_settings_as_they_are(
    world: Path, features: Path, tmp_path: Path
) -> None:
    settings = config(world, tmp_path, cache=str(features))
    data = settings.data.model_dump() | {"split": {"use": "random", "valid": 0}}
    polyrec.run(
        parse_config(settings.model_dump() | {"data": data}, folder=tmp_path), out=tmp_path / "out"
    )
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["trials"] == []
    assert report["metrics"]["valid"] == {}
    assert "no settings were chosen" in report["notes"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recommend": {"use": "eese"}}, "did you mean 'ease'"),
        ({"encode": {"text": {"use": "lsa", "with": 3}}}, "encode.text: unknown setting"),
        ({"encode": {"smell": {"use": "lsa"}}}, "encode.smell has no content: received 'smell'"),
        (
            {"align": {"use": "whiten", "width": "wide"}},
            "align.width is not valid: received 'wide'",
        ),
        ({"evaluate": {"metrics": ["recal@10"]}}, "did you mean 'recall'"),
        ({"evaluate": {"select_by": "ndcg"}}, "a metric is name@k"),
    ],
)
def test_an_invalid_config_is_refused_before_any_work(
    world: Path, tmp_path: Path, change: dict, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        polyrec.run(config(world, tmp_path, **change))
    assert message in str(caught.value)


def test_a_run_without_content_is_a_run(world: Path, tmp_path: Path) -> None:
    bundle = polyrec.run(config(world, tmp_path, data={"path": str(world)}), out=tmp_path / "out")
    assert bundle.views == {}
    with pytest.raises(DataError, match="no such view"):
        bundle.similar("i0001")


def test_checking_finds_what_was_broken(world: Path, tmp_path: Path) -> None:
    validation = check_data(config(world, tmp_path))
    damaged = json.loads((world / "truth/truth.json").read_text())["damaged"]
    images = [f for f in validation.findings if "image files that can't be read" in f.what]
    assert sum(f.count for f in images) == sum(name.startswith("image") for name in damaged)
    assert validation.ok


def test_every_modality_predicts_the_shared_factors_and_shuffled_rows_do_not(
    larger: Path,
) -> None:
    truth = np.load(larger / "truth/truth.npz")
    settings = config(larger, larger.parent)
    dataset = load_dataset(settings.data, weights=settings.weights, seed=7)
    _, views = encode_dataset(settings, dataset)
    aligned = polyrec.align.Whiten(width=48).fit(views, dataset.train).align(views)
    for name, view in aligned.items():
        rows, factors = view.vectors[view.present], truth["shared"][view.present]
        assert explained(rows, factors) > (0.25 if name == "video" else 0.45)
        order = np.random.default_rng(0).permutation(len(rows))
        assert explained(rows[order], factors) < 0.1


def explained(rows: np.ndarray, factors: np.ndarray) -> float:
    """Return R^2 of a ridge from rows to factors on the fifth of the items it did not see."""
    fold = np.arange(len(rows)) % 5
    left, total = 0.0, 0.0
    for part in range(5):
        seen = fold != part
        centre, mean = rows[seen].mean(axis=0), factors[seen].mean(axis=0)
        known = rows[seen] - centre
        solved = np.linalg.solve(
            known.T @ known + 30 * np.eye(rows.shape[1]), known.T @ (factors[seen] - mean)
        )
        missed = factors[~seen] - mean - (rows[~seen] - centre) @ solved
        left += (missed**2).sum()
        total += ((factors[~seen] - mean) ** 2).sum()
    return 1 - left / total


def test_features_that_a_reader_brings_are_taken_as_features(tmp_path: Path) -> None:
    rows = [f"{user}\t{item}\t{(user + item) % 3}" for user in range(8) for item in range(6)]
    (tmp_path / "x.inter").write_text("\n".join(["userID\titemID\tx_label", *rows]))
    for name in ("text", "image"):
        np.save(tmp_path / f"{name}_feat.npy", np.eye(6, 4, dtype=np.float32) + 1)
    tree = {"data": {"use": "mmrec", "path": str(tmp_path)}, "cache": str(tmp_path / "c.sqlite")}
    bundle = polyrec.run(parse_config(tree, folder=tmp_path))
    assert bundle.views["text"].width == bundle.views["image"].width == 4
    assert bundle.views["image"].present.all()
