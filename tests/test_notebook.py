"""What notebooks show: valid, escaped HTML with pictures and players."""

import copy
import pickle
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyrec
from polyrec import Bundle, Dataset
from polyrec.data.validation import Validation
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.evaluate.report import Report
from polyrec.lists import ItemLists
from polyrec.types import Finding

EVIL = "<script>alert(1)</script>"
VOID = ("img",)


class Page(HTMLParser):
    """The elements of HTML whose tags all close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def sources(self, tag: str) -> list[str]:
        return [attributes["src"] for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def data(jpeg: bytes, mp3: bytes) -> Dataset:
    events = {
        "user_id": [f"u{u}" for u in range(20) for _ in range(4)],
        "item_id": [f"i{(u + j) % 8}" for u in range(20) for j in range(4)],
    }
    items = {
        "item_id": [f"i{i}" for i in range(8)],
        "title": [EVIL, *[f"Song {i}" for i in range(1, 8)]],
        "cover": [None, *[jpeg] * 7],
        "clip": [None, mp3, *[b"no sound"] * 6],
    }
    return Dataset.from_frames(events, items, image="cover", audio="clip")


@pytest.fixture(scope="module")
def bundle(data: Dataset) -> Bundle:
    settings = {"encode": {"image": {"use": "descriptor"}}}
    return polyrec.run(data, recommend={"use": "ease", "l2": 5.0}, settings=settings)


def test_lists_have_pictures_initials_and_players(data: Dataset, bundle: Bundle) -> None:
    everything = {"k": 8, "hide_seen": False}
    model = polyrec.recommend.EASE(l2=5).fit(data)
    for lists in (bundle.recommend(["u3"], **everything), model.recommend(["u3"], **everything)):
        page = Page(lists._repr_html_())
        pictures = page.sources("img")
        assert len(pictures) == 8
        assert sum(source.startswith("data:image/jpeg;base64,") for source in pictures) == 7
        assert sum(source.startswith("data:image/svg+xml;base64,") for source in pictures) == 1
        (player,) = page.sources("audio")
        assert player.startswith("data:audio/mpeg;base64,")
        assert {"u3", EVIL} <= {line.strip() for line in page.text.splitlines()}
        assert "script" not in dict(page.elements)
        assert pickle.loads(pickle.dumps(lists)) == copy.deepcopy(lists) == lists  # noqa: S301
        assert copy.deepcopy(lists).origin is None


def test_long_lists_and_many_are_cut_and_a_table_stands_where_nothing_is_to_be_seen() -> None:
    ids = [[f"i{i}" for i in range(40)]] * 9
    lists = ItemLists(ids, [[0.5] * 40] * 9)
    page = Page(lists._repr_html_())
    assert page.text.count("i0") == 10  # id and title
    assert "and 28 more items" in page.text
    assert "and 4 more lists" in page.text
    assert not page.sources("img")
    assert "query 0" in page.text
    assert Page(ItemLists([], [])._repr_html_()).text.strip() == ""


def test_a_loaded_bundle_without_its_data_shows_titles(bundle: Bundle, tmp_path: Path) -> None:
    loaded = Bundle.load(bundle.save(tmp_path / "bundle"))
    assert loaded.catalog is None
    page = Page(loaded.recommend(["u3"], k=3)._repr_html_())
    assert not page.sources("img")
    assert "u3" in page.text


def test_data_sets_bundles_and_reports(data: Dataset, bundle: Bundle) -> None:
    page = Page(data._repr_html_())
    assert len(page.sources("img")) == 6
    assert all(part in page.text for part in ("items with image", "and 2 more items", EVIL))
    assert "items without image" in page.text
    page = Page(bundle._repr_html_())
    assert all(part in page.text for part in ("EASE", "l2=5.0", "Descriptor", "train events"))
    finding = Finding("error", EVIL, 2, (EVIL,), "mend it")
    assert EVIL in Page(Validation({"users": 3}, (finding,))._repr_html_()).text
    metrics = ["recall@20", "ndcg@5"]
    evaluation = evaluate_top_k(bundle.parts.recommender, data.train, data.test, metrics)
    page = Page(evaluation._repr_html_())
    assert f"{evaluation.means['ndcg@5']:.4f}" in page.text
    assert "95% interval" in page.text


def test_a_report_has_the_metrics_of_both_splits() -> None:
    metrics = {"valid": {"recall@20": 0.25}, "test": {"recall@20": 0.5, "ndcg@20": np.nan}}
    intervals = {"test": {"recall@20": (0.4, 0.6)}}
    report = Report({}, {}, {}, {}, 0.0, metrics, intervals, notes=["fitted on train"])
    page = Page(report._repr_html_())
    assert all(part in page.text for part in ("0.2500", "0.5000", "0.4000 to 0.6000", "–"))
    assert "fitted on train" in page.text
