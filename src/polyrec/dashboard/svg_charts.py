"""Charts of the pages, as SVG without styles of its own: the style sheet colours them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from polyrec.evaluate.charts import WIDTH, svg

_TALL, _EDGE, _KINDS = 200, 28, 6


def columns(days: Sequence[tuple[str, dict[str, int]]], *, title: str) -> str:
    """Return stacked columns, one per day, one colour per type, with a legend."""
    total: dict[str, int] = {}
    for _, counts in days:
        for kind, count in counts.items():
            total[kind] = total.get(kind, 0) + count
    kinds = sorted(total, key=lambda kind: (-total[kind], kind))
    top = max([1, *(sum(counts.values()) for _, counts in days)])
    step = (WIDTH - 2 * _EDGE) / max(1, len(days))
    parts = []
    for place, (name, counts) in enumerate(days):
        base = float(_TALL - _EDGE)
        for number, kind in enumerate(kinds):
            height = (_TALL - 2 * _EDGE) * counts.get(kind, 0) / top
            if height:
                base -= height
                parts.append(
                    f'<rect class="k{min(number, _KINDS - 1)}" x="{_EDGE + place * step + 1:.1f}" '
                    f'y="{base:.1f}" width="{step - 2:.1f}" height="{height:.1f}">'
                    f"<title>{escape(name)}: {counts[kind]:,} {escape(kind)}</title></rect>"
                )
    return svg("".join([*parts, _frame(days, top), _legend(kinds)]), title, height=_TALL + 24)


def shares(parts: Sequence[tuple[str, float]]) -> str:
    """Return one bar, parted by shares that add up to 1."""
    told = ", ".join(f"{name} {share:.0%}" for name, share in parts)
    drawn, left = [], 0.0
    for number, (name, share) in enumerate(parts):
        drawn.append(
            f'<rect class="k{min(number, _KINDS - 1)}" x="{left:.2f}" y="0" '
            f'width="{100 * share:.2f}" height="6"><title>{escape(name)} {share:.0%}</title></rect>'
        )
        left += 100 * share
    return (
        f'<svg class="shares" role="img" viewBox="0 0 100 6" preserveAspectRatio="none" '
        f'aria-label="{escape(told)}">{"".join(drawn)}</svg>'
    )


def _frame(days: Sequence[tuple[str, dict[str, int]]], top: int) -> str:
    base = _TALL - _EDGE
    ends = [(_EDGE, "start", days[0][0]), (WIDTH - _EDGE, "end", days[-1][0])] if days else []
    texts = "".join(
        f'<text x="{x}" y="{base + 15}" text-anchor="{anchor}">{escape(name)}</text>'
        for x, anchor, name in ends
    )
    line = f'<line class="axis" x1="{_EDGE}" y1="{base}" x2="{WIDTH - _EDGE}" y2="{base}"/>'
    return f'{line}{texts}<text class="name" x="{_EDGE}" y="{_EDGE - 10}">{top:,} a day</text>'


def _legend(kinds: Sequence[str]) -> str:
    parts, x = [], float(_EDGE)
    for number, kind in enumerate(kinds[:_KINDS]):
        name = kind if number < _KINDS - 1 or len(kinds) <= _KINDS else "others"
        short = name if len(name) <= 14 else f"{name[:13]}…"
        parts.append(
            f'<rect class="k{number}" x="{x:.0f}" y="{_TALL + 6}" width="10" height="10" rx="2"/>'
            f'<text x="{x + 14:.0f}" y="{_TALL + 15}">{escape(short)}</text>'
        )
        x += 26 + 7 * len(short)
    return "".join(parts)
