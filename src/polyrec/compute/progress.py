"""Show the progress of long work: bars in a terminal, a table in Jupyter."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from polyrec.types import Progress, silent

if TYPE_CHECKING:
    from rich.console import Console

_MIN_S = 0.1  # between two updates of a notebook


@contextmanager
def show_progress(progress: Progress | None = None) -> Iterator[Progress]:
    """Yield `progress`; if it is None, bars in a terminal, a table in Jupyter, else `silent`."""
    if progress is not None:
        yield progress
    elif (display := _jupyter_display()) is not None:
        table = NotebookProgress(display)
        yield table
        table.finish()
    elif sys.stderr.isatty():
        with progress_bars() as bars:
            yield bars
    else:
        yield silent


@contextmanager
def progress_bars(console: Console | None = None) -> Iterator[Progress]:
    """Show a bar per stage, or without a terminal a line; by default on standard error."""
    # imported here: a server shows no bars
    from rich import progress as rich_progress
    from rich.console import Console
    from rich.text import Text

    class RateColumn(rich_progress.ProgressColumn):
        """Steps per second, empty while it is not known."""

        def render(self, task: rich_progress.Task) -> Text:
            """Return steps per second."""
            rate = task.finished_speed or task.speed
            return Text("" if rate is None else f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")

    console = console or Console(stderr=True)
    if not console.is_terminal:
        with _stage_lines(lambda line: console.print(line, markup=False, soft_wrap=True)) as lines:
            yield lines
        return
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        RateColumn(),
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("[yellow]{task.fields[note]}"),
    )
    with rich_progress.Progress(*columns, console=console) as bars:
        tasks: dict[str, rich_progress.TaskID] = {}

        def update(stage: str, done: int, total: int, note: str = "", /) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, note=note)
            bars.update(tasks[stage], completed=done, total=total, note=note)

        yield update


@contextmanager
def _stage_lines(write: Callable[[str], None]) -> Iterator[Progress]:
    """Write a line per stage that has ended."""
    stages: dict[str, _Stage] = {}
    starts: dict[str, float] = {}

    def end(name: str) -> None:
        stage, seconds = stages.pop(name), time.monotonic() - starts.pop(name)
        note = f" ({stage.note})" if stage.note else ""
        write(f"{name} {stage.done:,}/{stage.total:,} in {seconds:.1f} s{note}")

    def update(name: str, done: int, total: int, note: str = "", /) -> None:
        starts.setdefault(name, time.monotonic())
        stages[name] = _Stage(done, total, note)
        for other in [other for other in stages if other != name or done >= total]:
            end(other)

    yield update
    for name in list(stages):
        end(name)


class _Stage(NamedTuple):
    done: int
    total: int
    note: str


class NotebookProgress:
    """A table of stages in the output of a notebook's cell, updated in place.

    `display` is that of IPython.

    >>> shown = []
    >>> progress = NotebookProgress(lambda data, **options: shown.append(data["text/plain"]))
    >>> progress("fit", 1, 2)
    >>> shown
    ['fit 1/2']
    """

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None
        self._stages: dict[str, _Stage] = {}
        self._shown_at = 0.0

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Show the state of a stage, at most ten times a second."""
        is_new = stage not in self._stages
        self._stages[stage] = _Stage(done, total, note)
        if is_new or time.monotonic() - self._shown_at >= _MIN_S:
            self._show()

    def finish(self) -> None:
        """Show the last state."""
        if self._stages:
            self._show()

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        stages = self._stages.items()
        rows = "".join(_html_row(name, stage) for name, stage in stages)
        plain = "\n".join(f"{name} {stage.done}/{stage.total}" for name, stage in stages)
        data = {"text/html": f"<table>{rows}</table>", "text/plain": plain}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def _html_row(name: str, stage: _Stage) -> str:
    bar = f'<progress value="{stage.done}" max="{max(stage.total, stage.done, 1)}"></progress>'
    cells = (html.escape(name), bar, f"{stage.done:,}/{stage.total:,}", html.escape(stage.note))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _jupyter_display() -> Callable[..., Any] | None:
    """Return IPython's `display` inside a notebook's kernel, else None."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    # Colab's shell is a subclass
    if all(base.__name__ != "ZMQInteractiveShell" for base in type(shell).__mro__):
        return None
    display: Callable[..., Any] = ipython.display.display
    return display
