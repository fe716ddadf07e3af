"""What a person sees at the command line: results, exit codes, and never a traceback.

Most commands run here in this process, by the same `main`: starting Python again for each would
take most of the time. A run, a mistake, a fault and the help are asked of a program of its own.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from polyrec.cli import console, main


def program(*arguments: object, folder: Path) -> subprocess.CompletedProcess:
    """Run the command as a person does."""
    result = subprocess.run(
        [sys.executable, "-c", "from polyrec.cli import main; main()", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in result.stderr + result.stdout
    return result


def polyrec(*arguments: object, folder: Path) -> subprocess.CompletedProcess:
    """Run the command in this process; what it does not catch itself fails the test."""
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setenv("HOME", str(folder))
        patch.setattr(sys, "argv", ["polyrec", *map(str, arguments)])
        for stream in (console.out, console.err):
            patch.setattr(stream, "width", 200)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


@pytest.fixture(scope="module")
def project(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a config and the bundle made from it."""
    folder = tmp_path_factory.mktemp("cli")
    tree = {
        "preset": "shop",
        "data": {"path": str(world), "text": ["title", "description"], "image": "image"},
        "encode": {"text": {"use": "lsa"}, "image": {"use": "descriptor"}},
        "recommend": {"use": "multimodal_linear", "l2": 20, "content_l2": 5},
        "cache": "cache.sqlite",
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(tree))
    result = program("run", "run.yaml", "--out", "out", "--set", "seed=3", folder=folder)
    assert result.returncode == 0, result.stderr
    assert "recall@20" in result.stdout
    assert "report.html" in result.stdout
    assert "note items without image" in re.sub(r"note [\d,]+ ", "note ", result.stderr)
    assert re.search(r"^encode image [\d,]+/[\d,]+ in", result.stderr, re.MULTILINE)
    return folder


def test_run_prints_json_for_programs(project: Path) -> None:
    result = polyrec("run", "run.yaml", "--json", "--set", "recommend.use=popular", folder=project)
    results = json.loads(result.stdout)
    assert results["metrics"]["test"]["recall@20"] > 0
    assert (project / results["bundle"] / "report.html").is_file()


def test_evaluate_again_with_other_metrics(project: Path) -> None:
    results = json.loads(
        polyrec("evaluate", "out", "--metrics", "recall@20,mrr@5", "--json", folder=project).stdout
    )
    report = json.loads((project / "out/report.json").read_text())
    assert results["metrics"]["test"]["recall@20"] == pytest.approx(
        report["metrics"]["test"]["recall@20"]
    )
    assert set(results["metrics"]["test"]) == {"recall@20", "mrr@5"}
    assert "mrr@20" in polyrec("evaluate", "out", folder=project).stdout


def test_lists_and_judgements_are_exported(project: Path) -> None:
    arguments = ["--run", "x/a.run", "--qrels", "x/a.qrels", "--metrics", "ndcg@7", "--json"]
    results = json.loads(polyrec("evaluate", "out", *arguments, folder=project).stdout)
    assert results["cost"].keys() >= {"single_median_ms", "single_p95_ms", "batch_per_s"}
    user, zero, item, rank, _, tag = (project / "x/a.run").read_text().splitlines()[0].split(" ")
    assert (user[0], zero, item[0], rank, tag) == ("u", "Q0", "i", "1", "multimodal_linear")
    assert (project / "x/a.qrels").read_text().startswith(f"{user} 0 i")
    lost = polyrec("evaluate", "out", "--protocol", "missing", "--run", "b.run", folder=project)
    assert lost.returncode == 2


def test_runs_are_compared_and_refused_where_data_differ(project: Path) -> None:
    for name, arguments in (("pop", ["recommend.use=popular"]), ("moved", ["data.split.test=0.3"])):
        sets = [part for word in arguments for part in ("--set", word)]
        assert polyrec("run", "run.yaml", "--out", name, "--set", "seed=3", *sets,
                       folder=project).returncode == 0  # fmt: skip
    shown = polyrec("compare", "out", "pop", "--out", "c", folder=project)
    assert shown.returncode == 0, shown.stderr
    assert "popular" in shown.stdout
    assert "p, corrected" in shown.stdout
    assert "ahead by (95%)" in shown.stdout
    assert "<svg" in (project / "c/compare.html").read_text()
    arguments = ["--metrics", "ndcg@10,coverage@20", "--json"]
    results = json.loads(polyrec("compare", "out", "pop", *arguments, folder=project).stdout)
    assert results["runs"].keys() == {"out", "pop"}
    assert [row["metric"] for row in results["differences"]] == ["ndcg@10"]
    assert results["runs"]["pop"]["cost"]["fit_s"] > 0
    refused = polyrec("compare", "out", "moved", folder=project)
    assert refused.returncode == 1
    assert "runs on different splits" in refused.stderr
    assert polyrec("compare", "out", folder=project).returncode == 2


def test_recommend_for_a_user_and_for_a_history(project: Path) -> None:
    rows = json.loads(
        polyrec("recommend", "out", "--user", "u0003", "-k", "4", "--json", folder=project).stdout
    )
    assert len(rows) == 4
    assert rows[0].keys() == {"id", "title", "score", "source"}
    shown = polyrec("recommend", "out", "--history", "i0001,i0002", folder=project)
    assert shown.returncode == 0
    assert "title" in shown.stdout


def test_explain_adds_up_to_the_score(project: Path) -> None:
    results = json.loads(
        polyrec("explain", "out", "--item", "i0003", "--history", "i0001,i0002", "--json",
                folder=project).stdout
    )  # fmt: skip
    assert results["exact"]
    assert {entry["item"] for entry in results["history"]} == {"i0001", "i0002"}
    assert abs(sum(results["sources"].values()) + results["baseline"] - results["score"]) < 1e-5
    shown = polyrec("explain", "out", "--item", "i0003", "--user", "u0001", folder=project).stdout
    assert "behaviour" in shown
    assert results["text"].startswith("Because of “")
    assert polyrec("explain", "out", "--item", "i0003", folder=project).returncode == 2


def test_similar_to_an_item_a_text_and_a_file(project: Path, world: Path, jpeg: bytes) -> None:
    (project / "red.jpg").write_bytes(jpeg)
    item = json.loads(
        polyrec("recommend", "out", "--history", "i0001", "--json", folder=project).stdout
    )[0]
    for arguments in (
        ["--item", item["id"]],
        ["--text", "a boat at sea, waves"],
        ["--image", "red.jpg"],
        ["--item", item["id"], "--unlike", "i0001", "--text", "sea", "--user", "u0001"],
    ):
        result = polyrec("similar", "out", *arguments, "-k", "3", "--json", folder=project)
        assert result.returncode == 0, result.stderr
        assert len(json.loads(result.stdout)) == 3


def test_a_conversation_about_a_bundle(project: Path) -> None:
    title = json.loads(polyrec("similar", "out", "--item", "i0001", "-k", "1", "--json",
                               folder=project).stdout)[0]["title"]  # fmt: skip
    messages = ["--message", title, "--message", "more", "--message", "why the first"]
    result = polyrec("chat", "out", *messages, "--user", "u0001", "-k", "3", folder=project)
    assert result.returncode == 0, result.stderr
    assert title in result.stdout
    lines = polyrec("chat", "out", "--message", "surprise me", "--json", folder=project).stdout
    assert len(json.loads(lines)["items"]) == 10
    assert polyrec("chat", "out", "--user", "nobody", folder=project).returncode == 1


def test_a_conversation_needs_no_service(project: Path) -> None:
    extra = "fastapi starlette sqlalchemy alembic orjson uvicorn psycopg prometheus_client anyio"
    code = f"import sys; sys.modules.update(dict.fromkeys('{extra}'.split()))"
    code += "; from polyrec.cli import main; main()"
    command = [sys.executable, "-c", code, "chat", "out", "--message", "surprise me", "--json"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert len(json.loads(result.stdout)["items"]) == 10


def test_encode_fills_the_cache_and_lists_what_is_unreadable(project: Path) -> None:
    results = json.loads(polyrec("encode", "run.yaml", "--json", folder=project).stdout)
    counts = results["views"]["image"]
    assert sum(counts[name] for name in ("present", "missing", "unreadable")) == 60
    assert "unreadable" in polyrec("encode", "run.yaml", folder=project).stdout


def test_check_a_config_and_a_folder(project: Path, world: Path) -> None:
    result = polyrec("check", "run.yaml", "--out", "check.json", folder=project)
    assert result.returncode == 0
    assert "image files that can't be read" in result.stdout
    assert "interactions.parquet: rows" in result.stdout
    assert json.loads((project / "check.json").read_text())["users"] == 150
    plain = polyrec("check", world, "--json", folder=project)
    assert (project / "runs/world.check.json").is_file()
    assert plain.returncode == 0
    assert json.loads(plain.stdout)["kinds"].keys() == {"view", "like", "purchase", "dislike"}
    assert "a config names the columns that hold content" in plain.stderr


def test_check_exits_1_on_errors(tmp_path: Path) -> None:
    rows = "user_id,item_id,split\n1,a,train\n1,b,test\n2,a,train\n2,a,test\n"
    (tmp_path / "interactions.csv").write_text(rows)
    result = polyrec("check", tmp_path, folder=tmp_path)
    assert result.returncode == 1
    assert "user-item pairs in both train and test" in result.stdout


def test_a_run_stops_where_most_media_are_unreadable(tmp_path: Path) -> None:
    rows = "".join(f"u{u},i{i},{10**9 + i}\n" for u in range(3) for i in range(4))
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\n" + rows)
    (tmp_path / "items.csv").write_text("item_id\n" + "".join(f"i{i}\n" for i in range(4)))
    for i in range(4):
        (tmp_path / f"i{i}.jpg").write_bytes(b"no picture")
    tree = {"data": {"path": ".", "image": "item_id"}, "cache": "cache.sqlite"}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(tree))
    result = polyrec("run", "run.yaml", folder=tmp_path)
    assert result.returncode == 1
    assert "note 4 image files found by their names (i0: i0.jpg, " in result.stderr
    assert "4 of 4 image files can't be read" in result.stderr
    checked = polyrec("check", "run.yaml", folder=tmp_path)
    assert checked.returncode == 1
    assert "error 4 image files that can't be read" in checked.stdout


def test_the_demo_shows_history_recommendations_and_the_report(tmp_path: Path) -> None:
    result = polyrec("demo", "--out", "d", "--items", "30", "--users", "40", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.index("last interactions") < result.stdout.index("ten recommendations")
    assert (tmp_path / "d/bundle/report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nowhere.yaml"], 2, "no such config"),
        (["run", "run.yaml", "--set", "recommend.use=eese"], 2, "did you mean 'ease'"),
        (["run", "run.yaml", "--set", "data.path=gone"], 1, "no such data folder"),
        (["run", "run.yaml", "--set", "nonsense"], 2, "not an override"),
        (["run", "run.yaml", "--out", "."], 1, "the output folder holds other files"),
        (["run", "run.yaml", "--out", "run.yaml"], 1, "the output folder is a file"),
        (["recommend", "out"], 2, "a user or a history is needed"),
        (["recommend", "out", "--user", "x"], 1, "unknown user"),
        (["recommend", "out", "--user", "u0001", "-k", "0"], 2, "Invalid value for '-k'"),
        (["recommend", "gone", "--user", "x"], 1, "no bundle here"),
        (["similar", "out"], 2, "a query is needed"),
        (["similar", "out", "--item", "i0001", "--unlike", "x"], 1, "unknown item"),
        (["similar", "out", "--image", "gone.jpg"], 1, "no such file"),
        (
            ["similar", "out", "--audio", "run.yaml"],
            1,
            "the bundle has no encoder for this content",
        ),
        (["evaluate", "out", "--metrics", "recal@3"], 2, "did you mean 'recall'"),
        (["check", "nowhere"], 2, "no such config"),
        (["dance"], 2, "No such command"),
    ],
)
def test_errors_are_printed_with_their_exit_code(
    project: Path, arguments: list, code: int, message: str
) -> None:
    result = polyrec(*arguments, folder=project)
    assert message in result.stderr
    assert result.returncode == code


def test_the_exit_code_of_the_process(project: Path) -> None:
    result = program("run", "run.yaml", "--set", "recommend.use=eese", folder=project)
    assert "did you mean 'ease'" in result.stderr
    assert result.returncode == 2


def test_an_unexpected_error_is_printed_without_a_traceback(project: Path) -> None:
    code = (
        "import polyrec.artifact.bundle as b, polyrec.cli as c\n"
        "def broken(*_): raise RuntimeError('boom')\n"
        "b.Bundle.load = broken\nc.main()"
    )
    arguments = [sys.executable, "-c", code, "recommend", "out", "--user", "u0001"]
    result = subprocess.run(arguments, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "unexpected RuntimeError: boom" in result.stderr
    assert "Traceback" not in result.stderr


def test_version_and_help(project: Path) -> None:
    assert program("--version", folder=project).stdout.strip() == "0.1.0"
    shown = program("--help", folder=project).stdout
    for command in ("check", "encode", "run", "tune", "evaluate", "recommend", "similar", "demo"):
        assert command in shown


def test_the_cache_is_shown_and_pruned(project: Path) -> None:
    assert polyrec("encode", "run.yaml", "--pack", "p.safetensors", folder=project).returncode == 0
    assert (project / "p.safetensors").stat().st_size > 60_000
    assert (project / "runs/run.quarantine.jsonl").is_file()
    results = json.loads(polyrec("cache", "run.yaml", "--json", folder=project).stdout)
    assert results["held"][0]["identity"].startswith("Descriptor")
    assert results["held"][0]["vectors"] > 40
    assert polyrec("cache", "run.yaml", "--prune", folder=project).returncode == 2
    pruned = polyrec("cache", "run.yaml", "--prune", "--encoder", "Descriptor", folder=project)
    assert "rows deleted" in pruned.stdout
    assert json.loads(polyrec("cache", "run.yaml", "--json", folder=project).stdout)["held"] == []


def test_alignment_and_robustness_are_printed(project: Path) -> None:
    arguments = ["align-report", "run.yaml", "--set", "align.use=cca", "--json"]
    rows = json.loads(polyrec(*arguments, folder=project).stdout)
    assert rows["after"][0]["recall@10"] > 0.1
    assert "recall@10" not in rows["before"][0]
    page = (project / "runs/run.alignment/alignment.html").read_text()
    assert "image and text" in page
    assert "<svg" in page
    assert "image and text" in polyrec("align-report", "run.yaml", folder=project).stdout
    one = polyrec(
        "align-report",
        "run.yaml",
        "--set",
        "data.image=null",
        "--set",
        "encode={text: {use: lsa}}",
        folder=project,
    )
    assert one.returncode == 1
    assert "give two views" in one.stderr
    assert (project / "out/alignment.html").is_file()
    for protocol, marks in (("missing", ("80% lost",)), ("knockout", ("shuffled", "noise"))):
        result = polyrec("evaluate", "out", "--protocol", protocol, folder=project)
        assert result.returncode == 0, result.stderr
        assert all(mark in result.stdout for mark in marks)
    rows = json.loads(polyrec("evaluate", "out", "--protocol", "knockout", "--metrics", "ndcg@5",
                              "--json", folder=project).stdout)  # fmt: skip
    assert {row["how"] for row in rows} == {"", "noise", "shuffled", "absent"}
    assert polyrec("evaluate", "out", "--protocol", "knockouts", folder=project).returncode == 2


def test_tune_shows_and_writes_the_best_settings(project: Path) -> None:
    pytest.importorskip("optuna", reason="extra tune is not installed")
    arguments = ["tune", "run.yaml", "--set", "recommend={use: ease}", "--trials", "2"]
    arguments += ["--set", "data.image=null", "--set", "encode={text: {use: lsa}}"]
    shown = polyrec(*arguments, folder=project)
    assert shown.returncode == 0, shown.stderr
    assert "recommend.l2" in shown.stdout
    assert "a run without tuning: 0." in shown.stdout
    results = json.loads(polyrec(*arguments, "--json", folder=project).stdout)
    assert results["trials"] == 2
    tuned = yaml.safe_load((project / results["config"]).read_text())
    assert tuned["recommend"]["l2"] == results["settings"]["recommend.l2"]
    wrong = polyrec(*arguments, "--set", "tune.ranges={recommend.l2: [9, []]}", folder=project)
    assert wrong.returncode == 2
    assert "tune.ranges.recommend.l2 is not valid" in wrong.stderr


def test_absent_rows_are_imputed_where_the_config_says_so(project: Path) -> None:
    arguments = ["run", "run.yaml", "--out", "filled", "--set", "align.impute={method: ridge}"]
    assert polyrec(*arguments, folder=project).returncode == 0
    from polyrec.artifact.bundle import Bundle

    plain, filled = (Bundle.load(project / name).views for name in ("out", "filled"))
    assert filled["image"].present.sum() > plain["image"].present.sum()
    wrong = polyrec("run", "run.yaml", "--set", "align.impute={metod: ridge}", folder=project)
    assert "did you mean 'method'" in wrong.stderr


def test_a_profile_is_edited_and_undone(tmp_path: Path) -> None:
    url = ("--database", "sqlite:///service.sqlite", "--json")
    subjects = ("--like", "category:jazz", "--dislike", "label:by=Bo", "--ignore", "words:old sea")
    stated = json.loads(polyrec("profile", "ann", *subjects, *url, folder=tmp_path).stdout)
    assert [(t["attitude"], t["subject"], t["key"], t["value"]) for t in stated] == [
        ("like", "category", "", "jazz"),
        ("dislike", "label", "by", "Bo"),
        ("ignore", "words", "", "old sea"),
    ]
    undone = json.loads(polyrec("profile", "ann", "--undo", *url, folder=tmp_path).stdout)
    assert undone == stated[:2]
    wrong = polyrec("profile", "ann", "--like", "categry:jazz", *url, folder=tmp_path)
    assert wrong.returncode == 2
    assert "did you mean 'category'" in wrong.stderr


def test_keys_are_created_listed_and_revoked(tmp_path: Path) -> None:
    url = "sqlite:///keys.sqlite"
    created = json.loads(
        polyrec("keys", "create", "shop", "--scope", "read", "--database", url, "--json",
                folder=tmp_path).stdout
    )  # fmt: skip
    assert created["key"].startswith(f"pr_{created['id']}_")
    assert (
        polyrec("keys", "revoke", created["id"], "--database", url, folder=tmp_path).returncode == 0
    )
    again = polyrec("keys", "revoke", created["id"], "--database", url, folder=tmp_path)
    assert again.returncode == 1
    assert "no valid key with this id" in again.stderr
    listed = json.loads(
        polyrec("keys", "list", "--database", url, "--json", folder=tmp_path).stdout
    )
    assert listed[0]["name"] == "shop"
    assert listed[0]["revoked"]
    assert "key" not in listed[0]
