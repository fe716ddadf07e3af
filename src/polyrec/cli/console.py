"""What the commands print: tables, progress bars, errors."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from polyrec.errors import CombinedDataError, PolyrecError

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle
    from polyrec.lists import ItemLists

out = Console()
err = Console(stderr=True)


_COMPARED = ("recall@20", "ndcg@20")
_OPTIONS = {
    "users": "user",
    "histories": "history",
}  # argument -> option where they differ


def print_error(error: PolyrecError) -> None:
    """Print what is wrong, what was received, what to do."""
    if isinstance(error, CombinedDataError):
        for single in error.errors:
            print_error(single)
        return
    err.print(f"[red]error[/] {escape(error.what)}", highlight=False)
    if error.received is not None:
        err.print(f"  received  {escape(str(error.received))}", highlight=False)
    if error.remedy:
        err.print(f"  remedy    {escape(name_options(error.remedy))}", highlight=False)


def name_options(remedy: str) -> str:
    """Return a remedy whose Python arguments are named as options.

    >>> name_options("use histories= for unknown users, or set a.b=c")
    'use --history for unknown users, or set a.b=c'
    """
    return re.sub(
        r"(?<![\w.])([a-z_]+)=(?=[\s,;)]|$)",
        lambda match: "--" + _OPTIONS.get(match[1], match[1].replace("_", "-")),
        remedy,
    )


_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


def print_finding(level: str, text: str, console: Console) -> None:
    """Print an error, a warning or a note on the data in one line."""
    line = f"[{_COLOURS[level]}]{level}[/] {escape(text)}"
    console.print(line, highlight=False, soft_wrap=True)


class _FindingHandler(logging.Handler):
    """Prints what is logged: warnings and notes on the data."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record on standard error."""
        levels = {logging.ERROR: "error", logging.WARNING: "warning"}
        print_finding(levels.get(record.levelno, "note"), record.getMessage(), err)


@contextmanager
def print_log() -> Iterator[None]:
    """Print what polyrec logs meanwhile: findings about the data."""
    logger, handler = logging.getLogger("polyrec"), _FindingHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def print_json(tree: object) -> None:
    """Print JSON for programs."""
    out.print_json(json.dumps(tree, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def print_metrics(metrics: Mapping[str, Mapping[str, float | None]]) -> None:
    """Print valid and test side by side; warm and cold items in columns of their own, if split."""
    test = metrics["test"]
    ends = ("", *(end for end in (":warm", ":cold") if any(name.endswith(end) for name in test)))
    names = [name for name in test if not name.endswith((":warm", ":cold"))]
    if not names:
        names, ends = list(test), ("",)
    columns = [(split, end) for end in ends for split in ("valid", "test")]
    rows = [
        (name, *(format_metric(metrics.get(split, {}).get(name + end)) for split, end in columns))
        for name in names
    ]
    print_table(("metric", *(split + end.replace(":", " ") for split, end in columns)), rows)


def print_baselines(
    name: str,
    means: Mapping[str, float | None],
    baselines: Sequence[Mapping[str, Any]],
    metrics: Sequence[str] = _COMPARED,
) -> None:
    """Print a model beside the plain ones: test, and the difference with its 95% interval."""
    if not baselines:
        return
    metrics = [m for m in metrics if m in means] or list(baselines[0]["differences"])[:2]
    rows = [(name, *(cell for metric in metrics for cell in (format_metric(means[metric]), "")))]
    for baseline in baselines:
        cells = []
        for metric in metrics:
            mean, low, high = baseline["differences"].get(metric, (None, None, None))
            difference = "" if mean is None else f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
            cells += [format_metric(baseline["means"].get(metric)), difference]
        rows.append((baseline["name"], *cells))
    heads = [head for metric in metrics for head in (metric, "ahead by (95%)")]
    print_table(("on test", *heads), rows)


def print_costs(costs: Mapping[str, float]) -> None:
    """Print time, memory and latency."""
    fit = f"fit {costs['fit_s']:.3g} s, " if "fit_s" in costs else ""
    if "choose_s" in costs:
        fit = f"settings chosen in {costs['choose_s']:.3g} s, {fit}"
    out.print(
        f"{fit}peak memory {costs['peak_memory_mb']:,.0f} MB, "
        f"one request {costs['single_median_ms']:.3g} ms (95%: {costs['single_p95_ms']:.3g} ms), "
        f"batches {costs['batch_per_s']:,.0f} users/s",
        highlight=False,
    )


def print_list(bundle: Bundle, lists: ItemLists, *, as_json: bool) -> None:
    """Print one ranked list."""
    entries = [
        (item, bundle.title(item), score)
        for item, score in zip(lists.ids[0], lists.scores[0], strict=True)
    ]
    (source,) = lists.sources
    if as_json:
        print_json([
            {"id": item, "title": title, "score": score, "source": source}
            for item, title, score in entries
        ])  # fmt: skip
        return
    rows = [
        (rank, item, title, f"{score:.4f}")
        for rank, (item, title, score) in enumerate(entries, start=1)
    ]
    print_table(("", "item", "title", "score"), rows)
    if source == "popular":
        out.print("popular items: there is no history that the model can use")


def format_metric(value: float | None) -> str:
    """Return a value with four digits, "-" for None or nan."""
    return "-" if value is None or value != value else f"{value:.4f}"


def format_day(second: int) -> str:
    """Return the calendar day of a time in seconds since 1970."""
    return datetime.fromtimestamp(second, UTC).date().isoformat()
