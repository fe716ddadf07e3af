"""The leaderboard as Markdown and SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import yaml

Row = Mapping[str, Any]

_HEAD = (
    "| model | settings | Recall@20 | 95% | NDCG@20 | coverage@20 | valid R@20 | fit, s | MB | ms "
    "| seeds |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
)
_NOTES = """\
Protocol `compat`: full ranking over all items, train hidden, fitted on train alone, settings chosen
on valid. Mean ± standard deviation over seeds (deterministic models are fitted once). 95%:
bootstrap over users, mean of the seeds' intervals. fit: seconds of processor time on one thread,
mean over seeds. MB: peak memory of the process, data and libraries included. ms: median latency of
one user's list of 20. settings: how many trials of `polyrec tune` chose them; `defaults` are not
tuned, a blend has the best model of each family on valid, four at most, with their settings of this
table. Models marked * are peers from other packages, fitted in the same way; † see below the table.
"""


def write_tables(
    rows: Iterable[Row], path: Path, *, seeds_of_model: Mapping[str, int], origin: str
) -> None:
    """Write PATH.md and PATH.svg; `seeds_of_model` has all models, those not run yet included."""
    sets: dict[str, list[Row]] = {}
    for row in rows:
        sets.setdefault(row["data"], []).append(row)
    published = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text())
    parts = [f"# Leaderboard\n\n{_NOTES}\n{origin}\n"]
    for data, cells in sorted(sets.items()):
        parts.append(f"## {data}\n\n{_table(cells, seeds_of_model)}{_notes(cells, seeds_of_model)}")
        if data in published:
            parts.append(_published(published[data]))
    path.with_suffix(".md").write_text("\n".join(parts), encoding="utf-8")
    path.with_suffix(".svg").write_text(_chart(sets), encoding="utf-8")


def mean_over_seeds(row: Row, part: str, name: str) -> float:
    """Return the mean over seeds of one figure."""
    return fmean(seed[part][name] for seed in row["seeds"])


def _table(cells: Sequence[Row], seeds_of_model: Mapping[str, int]) -> str:
    fitted = [row for row in cells if row["seeds"]]
    fitted.sort(key=lambda row: -mean_over_seeds(row, "test", "recall@20"))
    return _HEAD + "".join(_line(row, seeds_of_model.get(row["model"], 1)) for row in fitted)


def _line(row: Row, seed_count: int) -> str:
    seeds = row["seeds"]
    low, high = (fmean(seed["interval"]["recall@20"][end] for seed in seeds) for end in (0, 1))
    trials = row["trials"]
    tuned = (f"{trials} trials" if isinstance(trials, int) else trials) if trials else "defaults"
    name = f"{row['model']}{' *' if row['peer'] else ''}{' †' if row['note'] else ''}"
    cells = (
        name, tuned, _spread(row, "recall@20"), f"{low:.4f} to {high:.4f}", _spread(row, "ndcg@20"),
        f"{mean_over_seeds(row, 'test', 'coverage@20'):.2f}",
        f"{mean_over_seeds(row, 'valid', 'recall@20'):.4f}",
        f"{fmean(seed['fit_processor_seconds'] for seed in seeds):.1f}",
        max(seed["peak_memory_mb"] for seed in seeds),
        f"{fmean(seed['latency_ms'] for seed in seeds):.1f}", _of(len(seeds), seed_count),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _of(count: int, total: int) -> str:
    return str(count) if count >= total else f"{count} of {total}"


def _spread(row: Row, name: str) -> str:
    values = [seed["test"][name] for seed in row["seeds"]]
    spread = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
    return f"{fmean(values):.4f}{spread}"


def _notes(cells: Sequence[Row], names: Iterable[str]) -> str:
    """Return a line for every cell with a note, and one with the models not run yet."""
    notes = "".join(f"\n† {row['model']}: {row['note']}\n" for row in cells if row["note"])
    missing = sorted(set(names) - {row["model"] for row in cells})
    return notes + (f"\nNot run yet: {', '.join(missing)}.\n" if missing else "")


def _published(rows: Sequence[Row]) -> str:
    head = "Published figures:\n\n| model | Recall@20 | NDCG@20 | from |\n|---|---|---|---|\n"
    lines = (
        f"| {row['model']} | {row['recall@20']:.4f} | {row['ndcg@20']:.4f} | {row['from']} |\n"
        for row in rows
    )
    return head + "".join(lines)


_LABEL_WIDTH, _PLOT_WIDTH, _LINE_HEIGHT = 170, 430, 18


def _chart(sets: Mapping[str, Sequence[Row]]) -> str:
    """Return an SVG: a dot and its interval per model, a panel per data set."""
    panels, y = [], 0
    for data, cells in sorted(sets.items()):
        panel, height = _panel(data, cells)
        panels.append(f'<g transform="translate(0 {y})">{panel}</g>')
        y += height
    width = _LABEL_WIDTH + _PLOT_WIDTH + 60
    style = "text{font:12px sans-serif;fill:#333}.n{font-weight:600}.p{fill:#999}.i{stroke:#4a6fa5}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img">'
        f"<title>Recall@20 on test with 95% intervals</title><style>{style}</style>"
        f'<rect width="{width}" height="{y}" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _panel(data: str, cells: Sequence[Row]) -> tuple[str, int]:
    fitted = [row for row in cells if row["seeds"]]
    fitted.sort(key=lambda row: -mean_over_seeds(row, "test", "recall@20"))
    highest = max((s["interval"]["recall@20"][1] for r in fitted for s in r["seeds"]), default=1)
    parts = [f'<text class="n" x="8" y="20">{escape(data)}, Recall@20</text>']
    for i, row in enumerate(fitted):
        y = 40 + _LINE_HEIGHT * i
        name, value = escape(row["model"]), mean_over_seeds(row, "test", "recall@20")
        ends = [fmean(s["interval"]["recall@20"][end] for s in row["seeds"]) for end in (0, 1)]
        low, high, at = (_LABEL_WIDTH + _PLOT_WIDTH * number / highest for number in (*ends, value))
        colour = "#999" if row["peer"] else "#4a6fa5"
        parts.append(
            f'<text x="{_LABEL_WIDTH - 10}" y="{y + 4}" text-anchor="end">{name}</text>'
            f'<line class="i" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{at:.1f}" cy="{y}" r="4" fill="{colour}"/>'
            f'<text x="{high + 6:.1f}" y="{y + 4}">{value:.4f}</text>'
        )
    return "".join(parts), 56 + _LINE_HEIGHT * len(fitted)
