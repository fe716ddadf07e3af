"""Progress by itself: in a terminal, in Jupyter, nowhere else."""

import io
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from polyrec.compute.progress import progress_bars, show_progress
from polyrec.types import silent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ZMQInteractiveShell:
    """Named as the shell of a notebook's kernel."""


class Display:
    def __init__(self) -> None:
        self.outputs: list[dict[str, str]] = []

    def __call__(self, data: dict[str, str], *, raw: bool, display_id: bool) -> "Display":
        self.outputs.append(data)
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        self.outputs.append(data)


def fake_ipython(shell: object, display: Any = None) -> SimpleNamespace:
    return SimpleNamespace(
        get_ipython=lambda: shell, display=SimpleNamespace(display=display or Display())
    )


def test_a_terminal_has_a_bar_per_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with show_progress() as progress:
        progress("encode text", 2, 2)
        progress("fit", 1, 2, "loss 0.5")
    assert all(part in terminal.getvalue() for part in ("encode text", "2/2", "1/2", "loss 0.5"))


def test_a_file_has_a_line_per_stage() -> None:
    file = io.StringIO()
    with progress_bars(Console(file=file)) as progress:
        for step in range(1, 101):
            progress("encode [text]", step, 100)
        progress("fit", 3, 50, "loss 0.5")
        progress("evaluate", 1, 2)
    lines = [re.sub(r" in \d+\.\d s", "", line) for line in file.getvalue().splitlines()]
    assert lines == ["encode [text] 100/100", "fit 3/50 (loss 0.5)", "evaluate 1/2"]


def test_a_notebook_has_one_table_that_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    display = Display()
    monkeypatch.setitem(sys.modules, "IPython", fake_ipython(ZMQInteractiveShell(), display))
    with show_progress() as progress:
        for step in range(1, 1001):
            progress("fit <em>", step, 1000, "loss & more")
    assert 2 <= len(display.outputs) < 100
    assert display.outputs[0]["text/plain"] == "fit <em> 1/1000"
    last = display.outputs[-1]
    assert last["text/plain"] == "fit <em> 1000/1000"
    assert "fit &lt;em&gt;" in last["text/html"]
    assert "loss &amp; more" in last["text/html"]
    assert '<progress value="1000" max="1000">' in last["text/html"]


def test_elsewhere_and_where_it_is_turned_off_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_progress() as progress:
        assert progress is silent
    monkeypatch.setitem(sys.modules, "IPython", fake_ipython(object()))  # IPython in a terminal
    with show_progress() as progress:
        progress("fit", 1, 2)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with show_progress(silent) as progress:
        progress("fit", 1, 2)
    assert not sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert capsys.readouterr() == ("", "")


def test_an_error_inside_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(ZeroDivisionError), show_progress() as progress:
        progress("fit", 1 // 0, 2)
