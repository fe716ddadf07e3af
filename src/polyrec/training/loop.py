"""Train a torch module: seeded, early-stopped, gradients clipped, the best weights kept.

A run may keep checkpoints and a log beside it (`training.run_context`): a training that was killed
and is begun again goes on from its last checkpoint, bit for bit on the CPU.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from polyrec.compute.device import pick_precision
from polyrec.errors import FitError
from polyrec.training import checkpoints
from polyrec.training.early_stop import EarlyStop
from polyrec.training.optimizer import AdamW
from polyrec.training.run_context import RunContext, current_run

ReportEpoch = Callable[..., None]
"""Called with the epochs done, the epochs in all, and what to say beside."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    The rate falls to 0 over the epochs as a half cosine (Loshchilov & Hutter, ICLR 2017), or to a
    tenth after half and again after three quarters of them (`step`), or stays (`constant`).

    >>> Schedule(epochs=4, rate=1.0, kind="step").rate_at(2)
    0.1
    """

    epochs: int
    rate: float = 1e-3  # of AdamW
    weight_decay: float = 1e-2
    patience: int = 5  # measurements without a better one before it stops
    clip: float = 1.0  # greatest norm of the gradients
    kind: Literal["cosine", "step", "constant"] = "cosine"
    precision: str = "fp32"  # auto, fp32, bf16, fp16 (compute.device)

    def rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, the first being 0."""
        if self.kind == "cosine":
            return self.rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        drops = sum(epoch >= share * self.epochs for share in (0.5, 0.75))
        return self.rate / 10**drops if self.kind == "step" else self.rate


def train(  # noqa: PLR0913 - what every training is made of
    module: Any,
    batches: Callable[[np.random.Generator], Iterable[Any]],
    loss: Callable[[Any], Any],
    *,
    valid: EarlyStop | Callable[[], float] | None,
    schedule: Schedule,
    seed: int,
    report: ReportEpoch | None = None,
    generators: Sequence[Any] = (),
    name: str = "train",
) -> list[float]:
    """Train in place and return what was measured on valid, in order.

    `batches(generator)` gives an epoch's batches and draws from nothing else; `loss(batch)` gives a
    scalar tensor. `generators` are the torch generators that `loss` draws from, besides torch's.
    A plain function as `valid` is a loss. With `valid`, the best weights are kept. A loss that is
    no number raises `FitError` with its step and learning rate.
    """
    watch = valid if isinstance(valid, EarlyStop) or valid is None else EarlyStop(valid)
    run = current_run()
    label = run.begin(name)
    training = _Training(module, schedule, watch, run, label, seed, tuple(generators))
    if report is None:
        report = _bar(run, label)
    if not training.resume():
        training.go(batches, loss, report)
    training.end()
    report(schedule.epochs, schedule.epochs)
    return training.values


class _Training:
    """One training and all of its state."""

    def __init__(  # noqa: PLR0913 - made in one place only
        self,
        module: Any,
        schedule: Schedule,
        watch: EarlyStop | None,
        run: RunContext,
        label: str,
        seed: int,
        generators: tuple[Any, ...],
    ) -> None:
        self.module, self.schedule, self.watch, self.run = module, schedule, watch, run
        self.label, self.generators = label, generators
        self.values: list[float] = []
        self._best: dict[str, Any] | None = None
        self._epoch, self._step, self._steps = 0, 0, 0  # epochs done, steps in this one, in all
        self._order = np.random.default_rng(seed)
        self._drawn = self._order.bit_generator.state  # as it was when the epoch began
        self._optimizer = AdamW(module.parameters(), schedule.rate, schedule.weight_decay)
        device = next(module.parameters()).device
        self._dtype = pick_precision(schedule.precision, device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._dtype == torch.float16)
        self._device = device.type
        shapes = {k: list(v.shape) for k, v in module.state_dict().items()}
        told = [run.fingerprint, asdict(schedule), seed, shapes]
        self._identity = hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def go(
        self, batches: Callable[..., Iterable[Any]], loss: Callable[[Any], Any], report: ReportEpoch
    ) -> None:
        """Go through the epochs that are left."""
        for epoch in range(self._epoch, self.schedule.epochs):
            mean = self._learn(batches, loss)
            self._epoch, self._step = epoch + 1, 0
            self._drawn = self._order.bit_generator.state
            note, stop = self._look(epoch)
            self.run.log(training=self.label, epoch=epoch + 1, loss=mean, **note)
            said = ", ".join(f"{k} {v:.4f}" for k, v in {"loss": mean, **note}.items())
            report(epoch + 1, self.schedule.epochs, said)
            if stop:
                break

    def end(self) -> None:
        """Put the best weights back and tell the run that this training is done."""
        if self._best is not None:
            self.module.load_state_dict(self._best)
        self.module.eval()
        self._keep(done=True)

    def _learn(self, batches: Callable[..., Iterable[Any]], loss: Callable[[Any], Any]) -> float:
        """Go through one epoch, or what is left of it, and return its mean loss."""
        self.module.train()
        rate = self.schedule.rate_at(self._epoch)
        self._optimizer.rate = rate
        self._order.bit_generator.state = self._drawn
        total, begun = 0.0, self._step
        # batches that were learned from before a kill are drawn again and passed over
        for batch in islice(batches(self._order), begun, None):
            total += self._improve(loss, batch, rate)
            self._step += 1
            self._steps += 1
            if self.run.every and self._steps % self.run.every == 0:
                self._keep(done=False)
        return total / max(1, self._step - begun)

    def _improve(self, loss: Callable[[Any], Any], batch: Any, rate: float) -> float:
        self._optimizer.zero_grad()
        mixed = self._dtype != torch.float32
        with torch.autocast(self._device, dtype=self._dtype if mixed else None, enabled=mixed):
            value = loss(batch)
        number = float(value.detach())
        if not math.isfinite(number):
            raise FitError(
                "training went astray: the loss is no number",
                received=f"{number} at step {self._steps + 1}, learning rate {rate:.3g}",
                remedy="lower the learning rate, or look for broken rows in the data",
            )
        self._scaler.scale(value).backward()
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.schedule.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return number

    def _look(self, epoch: int) -> tuple[dict[str, float], bool]:
        """Measure, keep the best weights, and return what to say and whether to stop."""
        self.module.eval()
        watch = self.watch
        last = epoch + 1 == self.schedule.epochs
        if watch is None or ((epoch + 1) % watch.every and not last):
            return {}, False
        with torch.no_grad():
            value = float(watch.measure())
        if not math.isfinite(value):
            remedy = "lower the learning rate, or look for broken rows in the data"
            told = f"{watch.name} {value} after epoch {epoch + 1}"
            raise FitError("training went astray", received=told, remedy=remedy)
        best = self._best_place()
        if best is None or watch.better(value, than=self.values[best]):
            self._best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.values.append(value)
        ended = self.run.watched is not None and bool(self.run.watched(epoch, value))
        waited = len(self.values) - 1 - (self._best_place() or 0)
        return {watch.name: value}, ended or waited >= self.schedule.patience

    def _best_place(self) -> int | None:
        """Return where the best value is, the first of equals."""
        if not self.values or self.watch is None:
            return None
        return int(np.argmax(self.values) if self.watch.higher else np.argmin(self.values))

    def _place(self) -> Path | None:
        folder = self.run.folder
        return folder / f"{self.label}.safetensors" if folder and self.run.every else None

    def _keep(self, *, done: bool) -> None:
        place = self._place()
        if place is None:
            return
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in (self._best or {}).items()}
        if not done:
            tensors |= {f"optimizer.{k}": v for k, v in self._optimizer.dump().items()}
            states = [torch.get_rng_state(), *(g.get_state() for g in self.generators)]
            tensors |= {f"generator.{i}": state for i, state in enumerate(states)}
        told = {
            "identity": self._identity,
            "done": done,
            "epoch": self._epoch,
            "step": self._step,
            "steps": self._steps,
            "order": self._drawn,
            "values": self.values,
            "scaler": self._scaler.state_dict(),
        }
        checkpoints.write(place, tensors, told)

    def resume(self) -> bool:
        """Take up the state of an earlier try, if there is one; return whether all is done."""
        place = self._place()
        found = checkpoints.read(place) if place else None
        if found is None:
            return False
        tensors, told = found
        if told["identity"] != self._identity:
            raise FitError(
                "a checkpoint of another training",
                received=str(place),
                remedy="config or data have changed: delete the folder to begin anew",
            )
        self.module.load_state_dict(checkpoints.within("module.", tensors))
        self._best = checkpoints.within("best.", tensors) or None
        self.values = told["values"]
        if told["done"]:
            return True
        self._epoch, self._step, self._steps = told["epoch"], told["step"], told["steps"]
        self._drawn = told["order"]
        self._scaler.load_state_dict(told["scaler"])
        self._optimizer.restore(checkpoints.within("optimizer.", tensors))
        own, *others = (tensors[f"generator.{i}"] for i in range(1 + len(self.generators)))
        torch.set_rng_state(own)
        for generator, state in zip(self.generators, others, strict=True):
            generator.set_state(state)
        return False


def _bar(run: RunContext, label: str) -> ReportEpoch:
    def report(done: int, total: int, note: str = "") -> None:
        run.progress(label, done, total, note)

    return report
