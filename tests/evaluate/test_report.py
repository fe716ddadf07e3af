import json
from pathlib import Path

import numpy as np

from polyrec.evaluate.grid_search import Trial
from polyrec.evaluate.pages.charts import initials_svg
from polyrec.evaluate.protocols import Evaluation
from polyrec.evaluate.report import (
    EncodedView,
    Report,
    SampleItem,
    SampleUser,
    bootstrap_intervals,
    write_report_page,
)
from polyrec.types import Ranking

EVIL = "<script>alert('x')</script>"


def evaluation() -> Evaluation:
    generator = np.random.default_rng(0)
    lists = np.array([[0, 1], [2, -1]])
    values = {"recall@2": generator.random(2), "ndcg@2": generator.random(2)}
    means = {"recall@2": 0.4, "ndcg@2": 0.3, "novelty@2": float("nan")}
    ranking = Ranking(lists, np.zeros((2, 2), np.float32))
    return Evaluation(np.arange(2), ranking, lists == 1, np.array([1, 1]), values, means)


def report() -> Report:
    result = {"level": "warning", "what": EVIL, "count": 3, "examples": [EVIL], "remedy": "none"}
    return Report(
        data={
            "name": EVIL, "users": 2, "items": 3, "events": 9, "density": 0.5, "hash": "ab" * 32,
            "splits": {"train": 5, "valid": 2, "test": 2}, "kinds": {EVIL: 9}, "time_range": None,
            "findings": [result | {"level": "note", "what": "a note"}, result],
            "files": [{"file": EVIL, "rows": 9, "format": "text", "separator": "\t"}],
        },
        config={"recommend": {"use": "ease"}, "evaluate": {"protocol": "compat"}, "note": EVIL},
        versions={"polyrec": "0"},
        seconds={"fit": 1.0, "data": 0.001},
        peak_memory_mb=12.0,
        metrics={"valid": {"recall@2": 0.5}, "test": evaluation().means},
        intervals={"test": bootstrap_intervals(evaluation())},
        trials=[Trial({"l2": 1.0, "weights": {"text": 1.0}}, 0.5), Trial({"l2": 2.0}, 0.4)],
        views=[EncodedView("text", "LSA", 4, 2, 1, {EVIL: EVIL})],
        notes=[EVIL],
    )  # fmt: skip


def test_report_json_is_json_and_nothing_is_nan(tmp_path: Path) -> None:
    report().write_json(tmp_path / "report.json")
    tree = json.loads((tmp_path / "report.json").read_text())
    assert tree["metrics"]["test"] == {"recall@2": 0.4, "ndcg@2": 0.3, "novelty@2": None}
    assert {"data", "config", "versions", "seconds", "peak_memory_mb", "metrics"} <= tree.keys()


def page(tmp_path: Path) -> str:
    picture = SampleItem("i1", EVIL, picture=b"\xff\xd8jpeg", hit=True)
    sampled = SampleItem("i2", "Blue Harbour")
    sample = SampleUser(EVIL, [picture], [sampled, picture], {"recall@20": 0.5})
    write_report_page(report(), evaluation(), 3, [sample], tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_whatever_stands_in_the_data_is_escaped(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 6


def test_the_page_asks_nothing_of_the_outside(tmp_path: Path) -> None:
    html = page(tmp_path)
    rest = html.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in rest.replace("http-equiv", "")
    assert "default-src 'none'" in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert html.count("data:image/svg+xml;base64,") == 1
    assert html.count('<figure class="hit">') == 2


def test_the_page_opens_with_the_findings(tmp_path: Path) -> None:
    html = page(tmp_path)
    order = ["Findings about the data", 'level warning"', "1 note<", "a note", "Metrics on test"]
    assert sorted(order, key=html.index) == order
    assert "separator tab" in html


def test_charts_can_be_read_aloud(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert html.count('role="img"') == html.count("<svg ") >= 5
    assert "95%" in html


def test_an_item_without_picture_has_its_own_colour() -> None:
    assert (
        SampleItem("a", "A B").source
        == SampleItem("a", "A B").source
        != SampleItem("b", "A B").source
    )
    assert SampleItem("a", "").source
    assert ">&lt;&amp;</text>" in initials_svg("a", "<&")
