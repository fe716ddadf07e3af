"""What goes beside every training of a run: bars, a log, checkpoints.

A model knows what it learns, not where a run keeps its files; so these are not its settings. A run
says them once (`use_run`), and every `training.loop.train` inside finds them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyrec.errors import ConfigError
from polyrec.types import Progress, silent


@dataclass
class RunContext:
    """The company of every training inside.

    >>> with use_run(RunContext()) as run:
    ...     current_run() is run
    True
    """

    progress: Progress = silent
    folder: Path | None = None  # of trainings.jsonl and the checkpoints; None keeps neither
    every: int = 0  # steps between two checkpoints; 0 makes none
    fingerprint: str = ""  # of config and data: a training of others is not taken up again
    # told epoch and valid figure; may raise, and a true answer ends the training at its best
    watched: Callable[[int, float], bool | None] | None = None
    _begun: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        if self.every < 0:
            raise ConfigError("steps can't be negative", received=self.every, remedy="give 0")

    def begin(self, name: str) -> str:
        """Return the label of the next training: trainings of one run come in one order."""
        self._begun += 1
        return f"{self._begun:03d}-{name}"

    def log(self, **told: Any) -> None:
        """Write one line to trainings.jsonl."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            line = json.dumps({"time": round(time.time(), 3), **told})
            with (self.folder / "trainings.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")


_CURRENT: ContextVar[RunContext | None] = ContextVar("run", default=None)


def current_run() -> RunContext:
    """Return the run that this training belongs to, or one that keeps nothing."""
    return _CURRENT.get() or RunContext()


@contextmanager
def use_run(run: RunContext) -> Iterator[RunContext]:
    """Let every training inside belong to `run`."""
    token = _CURRENT.set(run)
    try:
        yield run
    finally:
        _CURRENT.reset(token)
