"""What a person sees at the command line: tables, bars, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from polyrec.errors import PolyrecError
from polyrec.types import Progress

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle, ItemLists
    from polyrec.evaluate.compare import Comparison

out = Console()
errors = Console(stderr=True)


def tell(error: PolyrecError) -> None:
    """Print what is wrong, what was received, what to do."""
    errors.print(f"[red]error[/] {escape(error.what)}", highlight=False)
    if error.received is not None:
        errors.print(f"  received  {escape(str(error.received))}", highlight=False)
    if error.remedy:
        errors.print(f"  remedy    {escape(error.remedy)}", highlight=False)


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show a bar per stage on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("[yellow]{task.fields[note]}"),
    )
    with Bars(*columns, console=errors, transient=not errors.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def step(stage: str, done: int, total: int, note: str = "", /) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, note=note)
            bars.update(tasks[stage], completed=done, total=total, note=note)

        yield step


def show_json(tree: object) -> None:
    """Print JSON for programs."""
    out.print_json(json.dumps(tree, ensure_ascii=False))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    drawn = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    out.print(drawn)


def show_metrics(metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """Print valid and test side by side, in columns where warm and cold items are told apart."""
    test = metrics["test"]
    ends = ("", *(end for end in (":warm", ":cold") if any(name.endswith(end) for name in test)))
    names = [name for name in test if not name.endswith((":warm", ":cold"))]
    if not names:
        names, ends = list(test), ("",)
    columns = [(part, end) for end in ends for part in ("valid", "test")]
    rows = [
        (name, *(_figure(metrics.get(part, {}).get(name + end)) for part, end in columns))
        for name in names
    ]
    table(("metric", *(part + end.replace(":", " ") for part, end in columns)), rows)


def show_cost(cost: Mapping[str, float]) -> None:
    """Print what the figures cost."""
    fitted = f"fit {cost['fit_s']:.3g} s, " if "fit_s" in cost else ""
    out.print(
        f"{fitted}peak memory {cost['peak_memory_mb']:,.0f} MB, "
        f"one request {cost['single_median_ms']:.3g} ms (95%: {cost['single_p95_ms']:.3g} ms), "
        f"batches {cost['batch_per_s']:,.0f} users/s",
        highlight=False,
    )


def show_comparison(comparison: Comparison) -> None:
    """Print a row per run, and how sure each difference is."""
    from polyrec.evaluate.compare_page import COST_COLUMNS, comparison_rows

    rows = []
    for name, use, figures, cost in comparison_rows(comparison):
        marked = [f"{c.text}{'*' if c.best else '†' if c.beaten else ''}" for c in figures]
        rows.append((name, use, *marked, *cost))
    table(
        ("run", "recommender", *comparison.metrics, *(head for head, _ in COST_COLUMNS.values())),
        rows,
    )
    if comparison.differences:
        heads = ("metric", "", "", "difference", "95%", "p", "p, corrected")
        pairs = [
            (d.metric, d.first, d.second, f"{d.difference:+.4f}", f"{d.low:+.4f} to {d.high:+.4f}",
             f"{d.p:.2g}", f"{d.corrected:.2g}")
            for d in comparison.differences
        ]  # fmt: skip
        table(heads, pairs)
    out.print("* the best; † differs from the best beyond chance (Wilcoxon, Holm)")


def show_lists(bundle: Bundle, lists: ItemLists, *, as_json: bool) -> None:
    """Print one ranked list."""
    pairs = list(zip(lists.ids[0], lists.scores[0], strict=True))
    if as_json:
        show_json(
            [{"id": item, "title": bundle.title(item), "score": score} for item, score in pairs]
        )
        return
    rows = [
        (i + 1, item, bundle.title(item), f"{score:.4f}") for i, (item, score) in enumerate(pairs)
    ]
    table(("", "item", "title", "score"), rows)


def show_check(told: dict[str, Any]) -> None:
    """Print what was found in the data."""
    plain = ("users", "items", "events", "density", "splits", "kinds", "time_range", "content")
    table(("", ""), [(name, told[name]) for name in plain])
    colours = {"error": "red", "warning": "yellow", "note": "blue"}
    for found in told["findings"]:
        colour = colours[found["level"]]
        examples = f" ({', '.join(found['examples'])})" if found["examples"] else ""
        line = f"{found['count']:,} {found['what']}{examples}; {found['remedy']}"
        out.print(f"[{colour}]{found['level']}[/] {escape(line)}", highlight=False)


def day(second: int) -> str:
    """Return a day of the calendar."""
    return datetime.fromtimestamp(second, UTC).date().isoformat()


def show_alignment(told: dict[str, Any]) -> None:
    """Print what was measured between every two views, before and after."""
    names = ("recall@1", "recall@10", "alignment", "gap", "cka")
    rows = [
        (f"{row['first']} and {row['second']}", when, *(_figure(row.get(name)) for name in names))
        for pair in zip(told["before"], told["after"], strict=True)
        for when, row in zip(("before", "after"), pair, strict=True)
    ]
    table(("views", "", *names), rows)


def show_robustness(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print what is left with modalities missing or knocked out."""
    if as_json:
        show_json(rows)
        return
    done = [str(row["how"] if "how" in row else f"{row['rate']:.0%} lost") for row in rows]
    cells = [
        (row["modality"] or "all there", what, row["metric"], _figure(row["value"]),
         _figure(row["change"]))
        for row, what in zip(rows, done, strict=True)
    ]  # fmt: skip
    table(("modality", "", "metric", "test", "change"), cells)


def _figure(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.4f}"
