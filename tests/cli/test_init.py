"""Two commands, and no edit, from a folder of files to a report."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export_folders import table, us_shop
from polyrec.cli.app import app
from polyrec.cli.commands import register_commands

register_commands()


def polyrec(*arguments: object, answer: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_two_commands_lead_from_a_folder_to_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    us_shop(shop)
    monkeypatch.chdir(tmp_path)
    code, output = polyrec("init", "shop", "--yes")
    assert code == 0
    assert "100% of the values are image files of this folder" in output
    assert "read as month, day, year" in output
    assert "12 users, 10 items" in output
    code, _ = polyrec("run", "shop/polyrec.yaml", "--out", "out", "--set", "recommend.use=popular")
    assert code == 0
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["data"]["time_range"][0].startswith("2023-11-2")
    assert {view["name"]: view["present"] for view in report["views"]} == {"text": 10, "image": 10}
    assert (tmp_path / "out/report.html").is_file()


def test_a_person_is_asked_before_a_file_is_written(tmp_path: Path) -> None:
    us_shop(tmp_path)
    path = tmp_path / "polyrec.yaml"
    assert polyrec("init", tmp_path, answer="n\n")[0] == 1
    assert not path.exists()
    assert polyrec("init", tmp_path, answer="\n")[0] == 0
    path.write_text("mine")
    code, output = polyrec("init", tmp_path, answer="\n")
    assert (code, path.read_text()) == (1, "mine")
    assert "Replace" in output
    away = tmp_path / "configs" / "shop.yaml"
    assert polyrec("init", tmp_path, "--out", away, "--yes")[0] == 0
    assert "path: .." in away.read_text()


def test_what_is_uncertain_is_to_be_checked(tmp_path: Path) -> None:
    rows = [
        [f"p{n % 4}", f"x{n // 4}", f"0{1 + n % 4}/0{1 + n // 4}/2024", "zap"] for n in range(16)
    ]
    table(tmp_path / "data.csv", "who,what,day,action", rows)
    (tmp_path / "broken.csv").write_bytes(b"\x1f\x8bnot gzip")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n1,2\n")
    code, output = polyrec("init", tmp_path, "--yes")
    checks = [line for line in output.splitlines() if line.startswith("check ")]
    assert code == 0, output
    for expected in (
        "broken.csv: not used, broken.csv can't be read",
        "other.csv: not used",
        "user: the name 'who' does not show",
        "item: the name 'what' does not show",
        "time_format: could the dates be read otherwise?",
        "kinds: the weights of zap are guesses",
    ):
        assert any(expected in line for line in checks), output


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no table in the folder: received 'nothing'"),
        ({"notes.txt": "Dear all,\nnothing here.\n"}, "no table in the folder"),
        ({"a.csv": "time,price\n2024-01-01,1.5\n2024-01-02,2.5\n"},
         "no column of a.csv can hold the users: received 'time, price'"),
    ],
)  # fmt: skip
def test_a_folder_without_events_is_refused(
    files: dict[str, str], message: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    from polyrec.errors import DataError

    with pytest.raises(DataError, match=message):
        polyrec("init", tmp_path, "--yes")
    with pytest.raises(DataError, match="no such folder"):
        polyrec("init", tmp_path / "nowhere")
