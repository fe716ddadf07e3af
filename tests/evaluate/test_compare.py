"""Comparisons: differences, correction for multiple tests, refusal of runs that differ."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from polyrec.errors import BundleError, ConfigError, DataError
from polyrec.evaluate.compare import (
    ComparedRun,
    compare,
    holm,
    paired_bootstrap,
    read_run,
    signed_rank,
)
from polyrec.evaluate.pages.compare_page import comparison_dict, write_comparison
from polyrec.evaluate.report import baseline_rows

EVIL = "<script>alert('x')</script>"
COUNT = 80


def run(name: str, shift: float = 0.0, *, seed: int = 0, **report: object) -> ComparedRun:
    generator = np.random.default_rng(seed)
    base = np.random.default_rng(99).random(COUNT)
    noise = 0.02 * generator.standard_normal(COUNT)
    values = {"recall@20": base + noise + shift, "ndcg@20": base / 2, "gini@20": None}
    means = {"recall@20": float(values["recall@20"].mean()), "ndcg@20": float(base.mean() / 2),
             "gini@20": 0.5 + shift, "coverage@20": None}  # fmt: skip
    details = {
        "data": {"name": EVIL, "hash": "ab" * 32, "users": 90, "items": 30, "events": 900,
                 "splits": {"train": 700, "valid": 100, "test": 100}},
        "config": {"recommend": {"use": "ease"}, "evaluate": {"protocol": "compat"}, "seed": 7,
                   "data": {"split": {"use": "random"}}},
        "versions": {"polyrec": "0"}, "settings": {"l2": 1.0},
        "cost": {"fit_s": 1.0, "peak_memory_mb": 99.0, "single_median_ms": 2.0,
                 "single_p95_ms": 3.0, "batch_per_s": 1000.0},
        "metrics": {"test": means},
    }  # fmt: skip
    details |= report
    users = np.arange(COUNT)
    return ComparedRun(name, details, users, {m: v for m, v in values.items() if v is not None})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_its_definition(p: list[float]) -> None:
    order = sorted(range(len(p)), key=lambda i: p[i])
    for rank, i in enumerate(order):
        steps = [min(1, (len(p) - r) * p[order[r]]) for r in range(rank + 1)]
        assert holm(p)[i] == pytest.approx(max(steps))


def test_the_signed_rank_test_counts_all_signs() -> None:
    sampled = np.array([0.3, -0.1, 0.2, 0.5, 0.0, -0.4, 0.6, 0.7])
    details = sampled[sampled != 0]
    ranks = rankdata(abs(details))
    centre = ranks.sum() / 2
    reached = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product([False, True], repeat=len(details))
    ]
    observed = abs(ranks[details > 0].sum() - centre)
    expected = np.mean([abs(total - centre) >= observed - 1e-9 for total in reached])
    assert signed_rank(sampled) == pytest.approx(expected)


def test_nobody_differs_and_a_single_user() -> None:
    assert signed_rank(np.zeros(5)) == 1.0
    assert signed_rank(np.array([0.5])) == 1.0
    alone = [ComparedRun(name, run(name).report, np.array([4]), {"recall@20": np.array([value])})
             for name, value in (("a", 0.5), ("b", 0.25))]  # fmt: skip
    result = compare(alone).differences[0]
    assert (result.difference, result.low, result.high, result.corrected) == (0.25, 0.25, 0.25, 1.0)


def test_the_paired_bootstrap_is_a_loop_over_draws() -> None:
    values = np.random.default_rng(5).random((7, 2))
    generator = np.random.default_rng(3)
    expected = [values[row].mean(axis=0) for row in generator.integers(7, size=(50, 7))]
    assert np.allclose(paired_bootstrap(values, seed=3, resamples=50), expected)


def test_the_interval_covers_the_difference_95_times_in_100() -> None:
    inside = 0
    for trial in range(60):
        sampled = np.random.default_rng(trial).normal([0.3, 0.0], 1, (150, 2))
        means = paired_bootstrap(sampled, seed=trial, resamples=300)
        low, high = np.percentile(means[:, 0] - means[:, 1], [2.5, 97.5])
        inside += low < 0.3 < high
    assert 50 <= inside <= 60


def test_a_worse_run_is_significant_and_an_equal_one_is_not() -> None:
    result = compare([run("a"), run("b", 0.1, seed=1), run("c", 0.1, seed=2)])
    assert result.metrics == ("recall@20", "ndcg@20")
    assert len(result.differences) == 6
    details = {(d.first, d.second): d for d in result.differences if d.metric == "recall@20"}
    first = details["a", "b"]
    assert first.low < first.difference < first.high < 0
    assert first.significant
    assert not details["b", "c"].significant
    assert result.best("recall@20") in ("b", "c")
    assert result.worse("recall@20") == {"a"}
    assert result.worse("ndcg@20") == frozenset()
    assert [d.corrected for d in result.differences] == holm([d.p for d in result.differences])
    assert all(d.corrected >= d.p for d in result.differences)


def test_users_without_a_value_are_left_out_in_pairs() -> None:
    left, other = run("a"), run("b", 0.1)
    left.values["recall@20"][:10] = np.nan
    other.values["recall@20"][5:20] = np.nan
    result = compare([left, other], ["recall@20"]).differences[0]
    assert result.users == COUNT - 20
    assert result.difference == pytest.approx(-0.1)
    left.values["recall@20"][:] = np.nan
    assert compare([left, other], ["recall@20"]).differences == []


def test_metrics_over_lists_have_a_mean_and_no_test() -> None:
    result = compare([run("a"), run("b", 0.1)], ["gini@20", "coverage@20", "recall@20"])
    assert {d.metric for d in result.differences} == {"recall@20"}
    assert result.best("gini@20") == "a"  # lower is better
    assert result.best("coverage@20") == ""


def other(**change: object) -> ComparedRun:
    report = run("b").report
    data = {**report["data"], **change.get("data", {})}
    return run("b", data=data, config={**report["config"], **change.get("config", {})})


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (other(data={"events": 901}), "different data: .*900 events"),
        (other(data={"hash": "cd" * 32}), "different data or splits"),
        (other(data={"splits": {"train": 1}}), "different splits"),
        (other(config={"evaluate": {"protocol": "new_items"}}), "different protocols: .*new_items"),
        (
            ComparedRun("b", run("b").report, np.arange(1, COUNT + 1), run("b").values),
            "different users",
        ),
    ],
)
def test_runs_that_are_not_comparable_are_refused(second: ComparedRun, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare([run("a"), second])


def test_one_run_and_unknown_metrics_are_refused() -> None:
    with pytest.raises(ConfigError, match="a comparison needs two runs"):
        compare([run("a")])
    with pytest.raises(ConfigError, match=r"a run lacks this metric: received 'recall@10 of a'"):
        compare([run("a"), run("b")], ["recall@10"])
    with pytest.raises(ConfigError, match="unknown metric"):
        compare([run("a"), run("b")], ["recal@20"])


def test_the_page_is_one_safe_file_and_the_json_has_no_nan(tmp_path: Path) -> None:
    bare = run(EVIL, 0.2, seed=3)
    del bare.report["cost"]
    result = compare([run("a"), bare], ["recall@20", "coverage@20"])
    write_comparison(result, tmp_path / "deep" / "out")
    html = (tmp_path / "deep/out/compare.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 3
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "default-src 'none'" in html
    assert '<svg role="img"' in html
    assert "†" in html
    details = json.loads((tmp_path / "deep/out/compare.json").read_text())
    assert details == json.loads(json.dumps(comparison_dict(result)))
    assert details["runs"][EVIL]["metrics"]["coverage@20"] is None
    assert details["runs"]["a"]["cost"]["single_p95_ms"] == 3.0
    assert details["differences"][0]["significant"] is True


def test_runs_stand_beside_popular_and_the_best_plain_model(tmp_path: Path) -> None:
    baselines = [
        {"name": name, "valid": valid, "settings": {}, "means": {"recall@20": mean},
         "differences": {"recall@20": [0.5 - mean, 0.1, 0.3]}}
        for name, valid, mean in (("popular", 0.1, 0.2), ("item_knn", 0.4, 0.3), ("x", 0.3, 0.35))
    ]  # fmt: skip
    result = compare([run("a", baselines=baselines), run("b")], ["recall@20", "gini@20"])
    rows = baseline_rows(result.runs[0].report, result.metrics)
    assert [name for name, _ in rows] == ["ease", "popular", "item_knn"]
    assert rows[2][1] == [("0.3000", "+0.2000 (+0.1000 to +0.3000)"), ("–", "")]
    write_comparison(result, tmp_path)
    html = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "Plain models" in html
    assert "+0.3000 (+0.1000 to +0.3000)" in html
    stored = json.loads((tmp_path / "compare.json").read_text())["runs"]
    assert [b["name"] for b in stored["a"]["baselines"]] == ["popular", "item_knn"]
    assert stored["b"]["baselines"] == []


def saved(folder: Path) -> Path:
    left = run("a")
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"data": "ab" * 32}))
    (folder / "report.json").write_text(json.dumps(left.report))
    np.savez(folder / "per_user.npz", users=left.users, recall_at_20=left.values["recall@20"])
    return folder


def test_a_run_is_read_from_its_folder(tmp_path: Path) -> None:
    read = read_run(saved(tmp_path / "a"), name="a")
    assert read.values["recall@20"].tolist() == run("a").values["recall@20"].tolist()
    assert read.users.tolist() == list(range(COUNT))


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a")
    (folder / "manifest.json").write_text(json.dumps({"data": "cd" * 32}))
    with pytest.raises(BundleError, match="of different runs"):
        read_run(folder, name="a")
    np.savez(folder / "per_user.npz", users=np.arange(3), recall_at_20=np.array([{}, 1, 2]))
    with pytest.raises(BundleError, match="can't be read"):
        read_run(folder, name="a")
    (folder / "report.json").write_text("[1]")
    with pytest.raises(BundleError, match="can't be read"):
        read_run(folder, name="a")
    (folder / "per_user.npz").unlink()
    (folder / "report.json").write_text(json.dumps(run("a").report))
    with pytest.raises(BundleError, match=r"no finished run here: .* without per_user\.npz"):
        read_run(folder, name="a")
