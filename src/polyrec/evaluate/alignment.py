"""How well views agree: measures between every two of them, and a map of the space they share.

In the formulas: x and y two views of the same items, rows at length 1, n items that have both.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.align.whiten import covariance, with_fixed_signs
from polyrec.evaluate.pages import charts
from polyrec.index.vectors import unit_rows
from polyrec.types import Embeddings, Floats, Ints, Views

Doubles: TypeAlias = npt.NDArray[np.float64]

_TOLERANCE = 1e-6  # closer cosines are equal: products of equal rows differ by rounding
_BLOCK_BYTES = 64 * 2**20  # cosines held at once
_ROWS = 2000  # sampled for uniformity
_POINTS, _LINES, _PICTURES = 400, 60, 24  # items on the map, with a line, with a picture
_HEIGHT, _SIDE = 420, 30  # of the map, of a picture
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")  # Okabe & Ito, 2008

_NAN = float("nan")


def view_agreement(views: Views, *, seed: int = 0) -> list[dict[str, str | int | float]]:
    """Return the measures of every two views, over the items that have both.

    Always `cka`; where both views lie in one space also recall@1 and recall@10, of the second view
    retrieved by the first and (`_back`) the reverse, `alignment`, `uniformity_first` and
    `uniformity_second`, `gap`, and the mean cosine of pairs and of other rows. A measure that needs
    more items is nan.
    """
    table = []
    for first, second in itertools.combinations(sorted(views), 2):
        a, b = views[first], views[second]
        paired = a.present & b.present
        row: dict[str, str | int | float] = {
            "first": first, "second": second, "items": int(paired.sum()),
            "cka": cka(a.vectors[paired], b.vectors[paired]),
        }  # fmt: skip
        if a.space and a.space == b.space and a.width == b.width:
            x, y = (unit_rows(view.vectors, paired)[paired] for view in (a, b))
            row["space"] = a.space
            row.update(_in_one_space(x, y, seed))
        table.append(row)
    return table


def _in_one_space(x: Floats, y: Floats, seed: int) -> dict[str, float]:
    recalls, recalls_back = retrieval_recall(x, y, ks=(1, 10))
    pairs, others = mean_cosines(x, y)
    return {
        "recall@1": recalls[0], "recall@10": recalls[1],
        "recall@1_back": recalls_back[0], "recall@10_back": recalls_back[1],
        "alignment": alignment(x, y),
        "uniformity_first": uniformity(x, seed=seed), "uniformity_second": uniformity(y, seed=seed),
        "gap": modality_gap(x, y), "cosine_pairs": pairs, "cosine_others": others,
    }  # fmt: skip


def retrieval_recall(
    x: Floats, y: Floats, *, ks: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return R@k of y retrieved by x, and of x by y: how often the own partner is among the k.

    Exact, in bounded memory. Equal cosines count as if in random order, so that a space of
    identical rows has k / n instead of 1, whatever the order of the items.

    >>> rows = np.eye(4, dtype=np.float32)
    >>> retrieval_recall(rows, rows[[1, 0, 2, 3]], ks=(1, 4))
    ((0.5, 1.0), (0.5, 1.0))
    """
    count = len(x)
    own = np.einsum("nd,nd->n", x, y, dtype=np.float64).astype(np.float32)
    forth, back = np.zeros((2, count), np.int64), np.zeros((2, count), np.int64)
    step = max(1, _BLOCK_BYTES // (4 * max(1, count)))
    for start in range(0, count, step):
        rows = slice(start, start + step)
        block = x[rows] @ y.T  # (b, n)
        forth[:, rows] = _above_and_equal(block, own[rows, None], axis=1)
        back += _above_and_equal(block, own, axis=0)
    return _recalls(forth, ks), _recalls(back, ks)


def _above_and_equal(mean_cosines: Floats, own: Floats, *, axis: int) -> tuple[Ints, Ints]:
    """Return how many cosines are above the own partner's, and how many equal it, itself too."""
    above = (mean_cosines > own + _TOLERANCE).sum(axis=axis)
    return above, (mean_cosines >= own - _TOLERANCE).sum(axis=axis) - above


def _recalls(counts: Ints, ks: Sequence[int]) -> tuple[float, ...]:
    above, equal = counts  # the partner has any rank among its equals
    return tuple(_mean(((k - above) / np.maximum(equal, 1)).clip(0, 1)) for k in ks)


def alignment(x: Floats, y: Floats) -> float:
    """Return mean |x_i - y_i|^2, 0 at best (Wang & Isola, ICML 2020).

    >>> alignment(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)[::-1])
    2.0
    """
    return _mean(((x - y).astype(np.float64) ** 2).sum(axis=1))


def uniformity(x: Floats, *, seed: int = 0) -> float:
    """Return log mean over i < j of exp(-2 |x_i - x_j|^2), 0 if all are equal, lower if spread.

    Of at most 2,000 rows, drawn with the seed (Wang & Isola, ICML 2020).
    """
    if len(x) < 2:
        return _NAN
    if len(x) > _ROWS:
        x = x[np.random.default_rng(seed).choice(len(x), _ROWS, replace=False)]
    rows = x.astype(np.float64)
    squares = (rows**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    pairs = np.exp(-2 * distances.clip(0))[np.triu_indices(len(rows), 1)]
    return float(np.log(pairs.mean()))


def modality_gap(x: Floats, y: Floats) -> float:
    """Return |mean x - mean y|, the modality gap (Liang et al., NeurIPS 2022).

    >>> modality_gap(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)[::-1])
    0.0
    """
    if not len(x):
        return _NAN
    return float(np.linalg.norm(_centre(x) - _centre(y)))


def mean_cosines(x: Floats, y: Floats) -> tuple[float, float]:
    """Return the mean cosine of pairs, and that of all rows that are not pairs.

    >>> mean_cosines(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    (1.0, 0.0)
    """
    count = len(x)
    pairs = float(np.einsum("nd,nd->", x, y, dtype=np.float64))
    total = float(x.sum(axis=0, dtype=np.float64) @ y.sum(axis=0, dtype=np.float64))
    others = (total - pairs) / (count * (count - 1)) if count > 1 else _NAN
    return pairs / count if count else _NAN, others


def cka(x: Floats, y: Floats) -> float:
    """Return linear CKA, |Y'X|^2 / (|X'X| |Y'Y|) of centred rows, 0..1.

    For any two widths, invariant to rotation and scale (Kornblith et al., ICML 2019). Independent
    white views have sqrt(d d' / ((n + d)(n + d'))): items should far outnumber columns. nan where a
    view is constant.

    >>> rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    >>> round(cka(rows, -2 * rows[:, ::-1]), 6)
    1.0
    """
    if len(x) < 2:
        return _NAN
    x_mean, y_mean = _centre(x), _centre(y)
    cross = np.linalg.norm(covariance(x, y, x_mean, y_mean)) ** 2
    x_norm = np.linalg.norm(covariance(x, x, x_mean, x_mean))
    y_norm = np.linalg.norm(covariance(y, y, y_mean, y_mean))
    return float(cross / x_norm / y_norm) if x_norm > 0 and y_norm > 0 else _NAN


def _centre(rows: Floats) -> Doubles:
    """Return the (d,) mean; that of a constant column is its value: it is centred to exactly 0."""
    constant = rows.min(axis=0) == rows.max(axis=0)
    mean = rows.mean(axis=0, dtype=np.float64)
    return np.asarray(np.where(constant, rows[0], mean), np.float64)


def _mean(values: Doubles) -> float:
    return float(values.mean()) if len(values) else _NAN


class _Point(NamedTuple):
    """A row of a view on the map."""

    item: int
    view: int
    x: float
    y: float


def map_svg(
    views: Views, *, titles: Sequence[str], pictures: Mapping[int, bytes], seed: int = 0
) -> str:
    """Return an SVG map of the space that most views share; "" where no view has a named space.

    The first two principal components of unit rows, of up to 400 items: first those with a picture
    (item -> JPEG, up to 24 are drawn), then a sample. A colour per view; lines connect the views of
    an item, for up to 60 items.
    """
    names = _largest_space(views)
    if not names:
        return ""
    items = _select_items([views[name] for name in names], sorted(pictures), seed)
    points = _points([views[name] for name in names], items)
    if not points:
        return ""
    by_item = {item: list(group) for item, group in itertools.groupby(points, lambda p: p.item)}
    parts = [_lines(group) for group in list(by_item.values())[:_LINES]]
    parts += [_dot(point, names, titles) for point in points]
    pictured = [item for item in by_item if item in pictures][:_PICTURES]
    parts += [
        _picture(_picture_point(by_item[item], names), titles, pictures[item]) for item in pictured
    ]
    title = f"{len(by_item)} items in the space {views[names[0]].space!r}"
    return charts.svg("".join(parts) + _legend(names), title, height=_HEIGHT)


def _largest_space(views: Views) -> list[str]:
    """Return the names of the views in the space that most of them lie in."""
    spaces: dict[tuple[str, int], list[str]] = {}
    for name, view in sorted(views.items()):
        if view.space:
            spaces.setdefault((view.space, view.width), []).append(name)
    return max(spaces.values(), key=len, default=[])


def _select_items(views: Sequence[Embeddings], pictured: Sequence[int], seed: int) -> Ints:
    """Return the items of the map: up to 24 with a picture, then others drawn at random."""
    candidates = np.logical_or.reduce([view.present for view in views])
    first = [item for item in pictured if candidates[item]][:_PICTURES]
    candidates[first] = False
    others = np.random.default_rng(seed).permutation(np.flatnonzero(candidates))
    return np.concatenate([np.asarray(first, np.int64), others])[:_POINTS]


def _points(views: Sequence[Embeddings], items: Ints) -> list[_Point]:
    """Return the points in units of the drawing, grouped by item."""
    pairs = [(item, i) for item in items for i, view in enumerate(views) if view.present[item]]
    if not pairs:
        return []
    rows = unit_rows(np.stack([views[i].vectors[item] for item, i in pairs]))
    centred = rows - rows.mean(axis=0)
    directions = with_fixed_signs(np.linalg.svd(centred, full_matrices=False)[2][:2].T)
    flat = np.zeros((len(pairs), 2))
    flat[:, : directions.shape[1]] = centred @ directions
    # one scale for both axes keeps distances comparable
    room = np.array([charts.WIDTH, _HEIGHT - 2 * _SIDE]) - 2 * _SIDE
    scale = (room / np.maximum(np.ptp(flat, axis=0), 1e-12)).min()
    middle = (flat.max(axis=0) + flat.min(axis=0)) / 2
    drawn = (flat - middle) * min(scale, 1e6) + room / 2 + _SIDE
    return [_Point(int(item), i, *map(float, drawn[n])) for n, (item, i) in enumerate(pairs)]


def _picture_point(points: Sequence[_Point], names: Sequence[str]) -> _Point:
    """Return the point of an item's picture: its image, else its first point."""
    return next((point for point in points if names[point.view] == "image"), points[0])


def _lines(points: Sequence[_Point]) -> str:
    return "".join(
        f'<line class="axis" x1="{a.x:.1f}" y1="{a.y:.1f}" x2="{b.x:.1f}" y2="{b.y:.1f}"/>'
        for a, b in itertools.pairwise(points)
    )


def _dot(point: _Point, names: Sequence[str], titles: Sequence[str]) -> str:
    return (
        f'<circle cx="{point.x:.1f}" cy="{point.y:.1f}" r="3" fill="{_colour(point.view)}">'
        f"<title>{escape(titles[point.item])}: {escape(names[point.view])}</title></circle>"
    )


def _picture(point: _Point, titles: Sequence[str], picture: bytes) -> str:
    source = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    return (
        f'<image href="{source}" x="{point.x - _SIDE / 2:.1f}" y="{point.y - _SIDE / 2:.1f}" '
        f'width="{_SIDE}" height="{_SIDE}" preserveAspectRatio="xMidYMid slice">'
        f"<title>{escape(titles[point.item])}</title></image>"
    )


def _legend(names: Sequence[str]) -> str:
    step = charts.WIDTH / len(names)
    base = _HEIGHT - 12
    return "".join(
        f'<circle cx="{step * i + 14:.1f}" cy="{base - 4}" r="5" fill="{_colour(i)}"/>'
        f'<text x="{step * i + 24:.1f}" y="{base}">{escape(name)}</text>'
        for i, name in enumerate(names)
    )


def _colour(view: int) -> str:
    return _COLOURS[view % len(_COLOURS)]
