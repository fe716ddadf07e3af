"""Measures against their definitions, and a map that anyone can open."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.evaluate import alignment as module
from polyrec.evaluate.alignment import (
    alignment,
    cka,
    map_svg,
    mean_cosines,
    modality_gap,
    retrieval_recall,
    uniformity,
    view_agreement,
)
from polyrec.types import FUSED, Embeddings

SEEDS = st.integers(0, 999)
EVIL = "<script>alert('x')</script> & \"y\""


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pair(seed: int, count: int = 30, width: int = 4, noise: float = 0.5) -> tuple:
    """Return two views at length 1 that agree up to noise."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, width))
    return unit(rows), unit(rows + noise * generator.normal(size=rows.shape))


def one_space(x: np.ndarray, y: np.ndarray, **present: np.ndarray) -> dict[str, Embeddings]:
    mask = np.ones(len(x), bool)
    return {
        "image": Embeddings(x, present.get("image", mask), space="clip"),
        "text": Embeddings(y, present.get("text", mask), space="clip"),
    }


@given(SEEDS)
def test_measures_equal_their_definitions(seed: int) -> None:
    x, y = pair(seed)
    likeness = x.astype(float) @ y.T
    rank = (likeness > np.diag(likeness)[:, None]).sum(axis=1)
    place_back = (likeness > np.diag(likeness)).sum(axis=0)
    forth, back = retrieval_recall(x, y, ks=(1, 10))
    assert forth == pytest.approx([(rank < 1).mean(), (rank < 10).mean()])
    assert back == pytest.approx([(place_back < 1).mean(), (place_back < 10).mean()])
    assert alignment(x, y) == pytest.approx(
        np.mean([((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)])
    )
    spread = [np.exp(-2 * ((x[i] - x[j]) ** 2).sum()) for i in range(30) for j in range(i)]
    assert uniformity(x) == pytest.approx(np.log(np.mean(spread)), abs=1e-5)
    assert modality_gap(x, y) == pytest.approx(
        np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)), abs=1e-6
    )
    others = likeness[~np.eye(30, dtype=bool)].mean()
    assert mean_cosines(x, y) == pytest.approx((np.diag(likeness).mean(), others), abs=1e-6)


@given(SEEDS)
def test_cka_is_that_of_the_gram_matrices(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = (generator.normal(size=(12, width)).astype(np.float32) for width in (3, 20))
    centre = np.eye(12) - 1 / 12
    k, m = (centre @ (rows @ rows.T).astype(float) @ centre for rows in (x, y))
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert cka(x, y) == pytest.approx(expected, abs=1e-5)
    assert 0 <= cka(x, y) <= 1 + 1e-9


@given(SEEDS)
def test_the_order_of_items_does_not_matter(seed: int) -> None:
    x, y = pair(seed)
    x[3], y[3] = x[5], y[5]  # ties too
    order = np.random.default_rng(seed).permutation(30)
    views = one_space(x, y, text=np.arange(30) > 4)
    (first,) = view_agreement(views)
    (second,) = view_agreement({name: view.take(order) for name, view in views.items()})
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert second[key] == (
            pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
        )


@given(SEEDS, st.integers(4, 9))
def test_a_view_agrees_with_itself(seed: int, width: int) -> None:
    x, _ = pair(seed, width=width)
    (row,) = view_agreement(one_space(x, x.copy()))
    assert row["recall@1"] == row["recall@10"] == row["recall@1_back"] == 1
    assert row["alignment"] == row["gap"] == 0
    assert row["cka"] == pytest.approx(1)
    assert row["cosine_pairs"] == pytest.approx(1)
    assert row["uniformity_first"] == row["uniformity_second"]


@given(SEEDS)
def test_rotations_and_units_leave_cka_and_a_common_rotation_everything(seed: int) -> None:
    x, y = pair(seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0].astype(np.float32)
    assert cka(x @ turn, 5 * y + 3) == pytest.approx(cka(x, y), abs=1e-5)
    (first,), (second,) = (
        view_agreement(one_space(x, y)),
        view_agreement(one_space(x @ turn, y @ turn)),
    )
    for key, value in first.items():
        assert second[key] == (
            pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
        )


def test_duplicates_share_the_places_they_tie_for() -> None:
    x = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    forth, back = retrieval_recall(x, x, ks=(1, 2))
    assert forth == back == (0.75, 1.0)


def test_a_collapsed_space_is_found_out() -> None:
    x = np.ones((50, 3), np.float32) / np.float32(np.sqrt(3))
    (row,) = view_agreement(one_space(x, x.copy()))
    assert row["recall@1"] == pytest.approx(1 / 50)
    assert row["recall@10"] == pytest.approx(10 / 50)
    assert row["uniformity_first"] == pytest.approx(0, abs=1e-5)
    assert row["cosine_others"] == pytest.approx(1)
    assert np.isnan(row["cka"])


def test_two_cones_have_a_gap() -> None:
    x, y = pair(0)
    shift = np.float32([4, 0, 0, 0])
    (row,) = view_agreement(one_space(unit(x + shift), unit(y - shift)))
    assert row["gap"] > 1.5
    assert row["cosine_pairs"] < -0.5


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pair(0, count=57, width=600)
    complete = retrieval_recall(x, y, ks=(1, 10))
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * 57 * 5)
    assert retrieval_recall(x, y, ks=(1, 10)) == complete


def test_wide_equal_rows_tie_in_spite_of_rounding() -> None:
    rows = unit(np.abs(np.random.default_rng(0).normal(size=(40, 4096))))
    twice = np.concatenate([rows, rows])
    forth, back = retrieval_recall(twice, twice, ks=(1,))
    assert forth == back == (0.5,)


def test_uniformity_of_many_is_that_of_a_sample() -> None:
    x, _ = pair(0, count=2500)
    assert uniformity(x, seed=1) == uniformity(x, seed=1)
    assert uniformity(x, seed=1) == pytest.approx(uniformity(x, seed=2), abs=0.05)


def test_white_views_agree_by_chance_as_much_as_is_said() -> None:
    generator = np.random.default_rng(0)
    n, d, e = 400, 60, 200
    x, y = (generator.normal(size=(n, width)).astype(np.float32) for width in (d, e))
    assert cka(x, y) == pytest.approx(np.sqrt(d * e / ((n + d) * (n + e))), rel=0.05)


def test_constant_columns_say_nothing() -> None:
    x, y = pair(0)
    more = np.concatenate([x, np.full((30, 2), 1e4, np.float32)], axis=1)
    assert cka(more, y) == pytest.approx(cka(x, y))
    assert np.isnan(cka(np.full((30, 2), 0.1, np.float32), y))


def test_only_views_of_one_space_are_compared_row_by_row() -> None:
    x, y = pair(0)
    mask = np.ones(30, bool)
    views = one_space(x, y) | {
        "audio": Embeddings(x, mask),
        "frames": Embeddings(np.ones((30, 9), np.float32), mask, space="clip"),
        FUSED: Embeddings(y, mask),
    }
    rows = view_agreement(views)
    assert [(row["first"], row["second"]) for row in rows if "gap" in row] == [("image", "text")]
    assert len(rows) == 10
    assert all({"first", "second", "items", "cka"} <= row.keys() for row in rows)
    assert view_agreement({}) == view_agreement({"text": views["text"]}) == []


@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_common_rows_are_told_as_they_are(items: int) -> None:
    x, y = pair(0)
    views = one_space(x, y, text=np.arange(30) < 5, image=np.arange(30) >= 5 - items)
    (row,) = view_agreement(views)
    assert row["items"] == items
    assert np.isnan(row["cka"]) == np.isnan(row["uniformity_first"]) == (items < 2)
    assert np.isnan(row["cosine_others"]) == (items < 2)
    assert np.isnan(row["alignment"]) == np.isnan(row["gap"]) == (items < 1)
    assert np.isnan(row["recall@10"]) if not items else row["recall@10"] == 1


@pytest.mark.parametrize("junk", [np.nan, np.inf, 3.4e38])
def test_what_absent_rows_hold_is_not_read(junk: float) -> None:
    x, y = pair(0)
    mask = np.arange(30) > 6
    views = one_space(x, np.where(mask[:, None], y, 0), text=mask)
    other = one_space(x, np.where(mask[:, None], y, np.float32(junk)), text=mask)
    titles = ["item"] * 30
    assert view_agreement(views) == view_agreement(other)
    assert map_svg(views, titles=titles, pictures={}) == map_svg(other, titles=titles, pictures={})


class TestMap:
    def map_of(self, count: int = 30, pictures: dict | None = None, **present: np.ndarray) -> str:
        x, y = pair(0, count=count)
        titles = [f"{EVIL} {i}" for i in range(count)]
        return map_svg(one_space(x, y, **present), titles=titles, pictures=pictures or {})

    def test_it_is_escaped_xml_with_a_point_per_row_and_a_legend(self) -> None:
        svg = self.map_of(text=np.arange(30) > 9)
        root = ET.fromstring(svg)
        assert "<script" not in svg
        circles = root.findall("circle")
        titled = [c.find("title").text for c in circles if c.find("title") is not None]
        assert len(titled) == 30 + 20
        assert f"{EVIL} 4: image" in titled
        assert f"{EVIL} 4: text" not in titled
        assert [text.text for text in root.findall("text")] == ["image", "text"]
        assert len({circle.get("fill") for circle in circles}) == 2
        assert root.find("title").text == root.get("aria-label") != ""

    def test_points_stay_on_the_drawing_and_lines_join_those_of_one_item(self) -> None:
        root = ET.fromstring(self.map_of(300))
        _, _, width, height = map(float, root.get("viewBox").split())
        positions = [(float(c.get("cx")), float(c.get("cy"))) for c in root.findall("circle")]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in positions)
        titled = [c.find("title") for c in root.findall("circle")]
        at = {t.text: xy for t, xy in zip(titled, positions, strict=True) if t is not None}
        lines = root.findall("line")
        assert len(lines) == 60
        ends = [tuple(float(line.get(k)) for k in ("x1", "y1", "x2", "y2")) for line in lines]
        pairs = {at[f"{EVIL} {i}: image"] + at[f"{EVIL} {i}: text"] for i in range(300)}
        assert set(ends) <= pairs

    def test_many_items_are_a_sample_and_those_with_pictures_are_in_it(self, jpeg: bytes) -> None:
        pictures = dict.fromkeys(range(900, 940), jpeg)
        map_of = self.map_of(1000, pictures)
        root = ET.fromstring(map_of)
        assert len([c for c in root.findall("circle") if c.find("title") is not None]) == 800
        images = root.findall("image")
        assert len(images) == 24
        assert images[0].find("title").text == f"{EVIL} 900"
        assert map_of.count("data:image/jpeg;base64,") == 24
        assert not re.search("https?:", map_of)
        assert map_of == self.map_of(1000, pictures)

    def test_a_picture_lies_at_its_image_and_only_if_the_item_is_there(self, jpeg: bytes) -> None:
        none_present = np.arange(30) != 2
        pictures = {1: jpeg, 2: jpeg}
        root = ET.fromstring(self.map_of(30, pictures, text=none_present, image=none_present))
        (image,) = root.findall("image")
        (own,) = [c for c in root.findall("circle") if c.findtext("title") == f"{EVIL} 1: image"]
        assert float(image.get("x")) + 15 == pytest.approx(float(own.get("cx")), abs=0.11)

    def test_the_space_of_most_views_is_drawn(self) -> None:
        x, y = pair(0)
        mask = np.ones(30, bool)
        views = one_space(x, y) | {"audio": Embeddings(x, mask, space="clap")}
        map_of = map_svg(views, titles=["t"] * 30, pictures={})
        assert "&#x27;clip&#x27;" in map_of
        assert ">audio<" not in map_of
        apart = {"audio": Embeddings(x, mask), "text": Embeddings(y, mask)}
        assert map_svg(apart, titles=["t"] * 30, pictures={}) == ""

    @pytest.mark.parametrize(
        "part",
        [np.s_[:1], np.s_[:, :1], np.s_[[0, 0, 0]], np.s_[:0], np.s_[:, :0]],
        ids=["one item", "one column", "duplicates", "nobody", "no column"],
    )
    def test_odd_catalogues_are_drawn(self, part: Any) -> None:
        x, y = (rows[part] for rows in pair(0))
        map_of = map_svg(one_space(x, y), titles=["t"] * 30, pictures={})
        assert "nan" not in map_of
        assert "inf" not in map_of
        assert bool(map_of) == bool(len(x))
