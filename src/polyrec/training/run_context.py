"""What surrounds every training of a run: progress bars, a log, checkpoints.

A model has no settings for the files of a run. A run sets a context (`use_run`), and every
`training.loop.train` inside reads it (decision 22).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyrec.errors import ConfigError
from polyrec.types import Progress, silent

OnValid = Callable[[int, float], bool | None]
"""on_valid(epoch, value), after each measurement; may raise, and True ends the training."""


@dataclass
class RunContext:
    """The surroundings of every training inside.

    >>> with use_run(RunContext()) as run:
    ...     current_run() is run
    True
    """

    progress: Progress = silent
    folder: Path | None = None  # of trainings.jsonl and the checkpoints; None keeps neither
    checkpoint_steps: int = 0  # from one checkpoint to the next; 0 writes none
    fingerprint: str = ""  # of config and data: checkpoints of another one are refused
    on_valid: OnValid | None = None
    deadline: float = math.inf  # of time.monotonic(): a search of settings begins no fit after it
    _trainings: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        if self.checkpoint_steps < 0:
            raise ConfigError(
                "steps can't be negative", received=self.checkpoint_steps, remedy="give 0"
            )

    @property
    def out_of_time(self) -> bool:
        """Return whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    def next_label(self, name: str) -> str:
        """Return the label of the next training: the trainings of a run come in one order."""
        self._trainings += 1
        return f"{self._trainings:03d}-{name}"

    def log(self, **values: Any) -> None:
        """Write one line to trainings.jsonl."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            line = json.dumps({"time": round(time.time(), 3), **values})
            with (self.folder / "trainings.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")


_CURRENT: ContextVar[RunContext | None] = ContextVar("run", default=None)


def current_run() -> RunContext:
    """Return the context that was set, or one that keeps nothing."""
    return _CURRENT.get() or RunContext()


@contextmanager
def use_run(run: RunContext) -> Iterator[RunContext]:
    """Set the context of every training inside."""
    token = _CURRENT.set(run)
    try:
        yield run
    finally:
        _CURRENT.reset(token)
