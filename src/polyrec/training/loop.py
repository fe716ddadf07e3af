"""Train a torch module: seeded, early-stopped, gradients clipped, the best weights kept.

A run may keep checkpoints and a log beside it (`training.run_context`): a training that was killed
resumes from its last checkpoint, bit for bit on the CPU.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from polyrec.compute.device import pick_precision
from polyrec.errors import FitError
from polyrec.training.checkpoints import read_checkpoint, strip_prefix, write_checkpoint
from polyrec.training.early_stop import EarlyStop
from polyrec.training.optimizer import AdamW
from polyrec.training.run_context import RunContext, current_run

ReportEpoch = Callable[..., None]
"""report(epochs done, epochs in all, note)"""

_REMEDY = "lower the learning rate, or look for broken rows in the data"


@dataclass(frozen=True)
class Schedule:
    """How long, and at which learning rates, to train.

    The rate decays to 0 over the epochs as a half cosine (Loshchilov & Hutter, ICLR 2017), or to a
    tenth after half and again after three quarters of them (`step`), or stays (`constant`).

    >>> Schedule(epochs=4, rate=1.0, kind="step").rate_at(2)
    0.1
    """

    epochs: int
    rate: float = 1e-3  # of AdamW
    weight_decay: float = 1e-2
    patience: int = 5  # measurements without improvement before it stops
    clip: float = 1.0  # largest norm of the gradients
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
    """Train in place and return the values measured on valid, in order.

    `batches(generator)` gives an epoch's batches and draws from nothing else; `loss(batch)` gives a
    scalar tensor. `generators` are the torch generators that `loss` draws from, besides torch's.
    A plain function as `valid` is a loss. With `valid`, the best weights are kept. A loss that is
    not finite raises `FitError` with its step and learning rate.
    """
    early_stop = valid if isinstance(valid, EarlyStop) or valid is None else EarlyStop(valid)
    run = current_run()
    label = run.next_label(name)
    training = _Training(module, schedule, early_stop, run, label, seed, tuple(generators))
    if report is None:
        report = partial(run.progress, label)
    if not training.resume():
        training.run_epochs(batches, loss, report)
    training.finish()
    report(schedule.epochs, schedule.epochs)
    return training.values


class _Training:
    """One training and all of its state."""

    def __init__(  # noqa: PLR0913 - called once
        self,
        module: Any,
        schedule: Schedule,
        early_stop: EarlyStop | None,
        run: RunContext,
        label: str,
        seed: int,
        generators: tuple[Any, ...],
    ) -> None:
        self.module, self.schedule, self.early_stop, self.run = module, schedule, early_stop, run
        self.label, self.generators = label, generators
        self.values: list[float] = []
        self._best: dict[str, Any] | None = None
        self._epoch, self._step, self._steps = 0, 0, 0  # epochs done, steps in this one, in all
        self._order = np.random.default_rng(seed)
        self._order_state = self._order.bit_generator.state  # as it was when the epoch began
        self._optimizer = AdamW(module.parameters(), schedule.rate, schedule.weight_decay)
        device = next(module.parameters()).device
        self._dtype = pick_precision(schedule.precision, device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._dtype == torch.float16)
        self._device = device.type
        shapes = {k: list(v.shape) for k, v in module.state_dict().items()}
        parts = [run.fingerprint, asdict(schedule), seed, shapes]
        self._identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def run_epochs(
        self, batches: Callable[..., Iterable[Any]], loss: Callable[[Any], Any], report: ReportEpoch
    ) -> None:
        """Train for the epochs that are left, or until it stops early."""
        for epoch in range(self._epoch, self.schedule.epochs):
            mean = self._run_epoch(batches, loss)
            self._epoch, self._step = epoch + 1, 0
            self._order_state = self._order.bit_generator.state
            measured, stop = self._measure(epoch)
            self.run.log(training=self.label, epoch=epoch + 1, loss=mean, **measured)
            note = ", ".join(f"{k} {v:.4f}" for k, v in {"loss": mean, **measured}.items())
            report(epoch + 1, self.schedule.epochs, note)
            if stop:
                break

    def finish(self) -> None:
        """Load the best weights and mark the training as done in its checkpoint."""
        if self._best is not None:
            self.module.load_state_dict(self._best)
        self.module.eval()
        self._save(done=True)

    def _run_epoch(
        self, batches: Callable[..., Iterable[Any]], loss: Callable[[Any], Any]
    ) -> float:
        """Train for one epoch, or what is left of it, and return its mean loss."""
        self.module.train()
        rate = self.schedule.rate_at(self._epoch)
        self._optimizer.rate = rate
        self._order.bit_generator.state = self._order_state
        total, first = 0.0, self._step
        # batches that a checkpoint already covers are drawn again and skipped
        for batch in islice(batches(self._order), first, None):
            total += self._train_batch(loss, batch, rate)
            self._step += 1
            self._steps += 1
            if self.run.checkpoint_steps and self._steps % self.run.checkpoint_steps == 0:
                self._save(done=False)
        return total / max(1, self._step - first)

    def _train_batch(self, loss: Callable[[Any], Any], batch: Any, rate: float) -> float:
        self._optimizer.zero_grad()
        mixed = self._dtype != torch.float32
        with torch.autocast(self._device, dtype=self._dtype if mixed else None, enabled=mixed):
            value = loss(batch)
        number = float(value.detach())
        if not math.isfinite(number):
            raise FitError(
                "training diverged: the loss is not finite",
                received=f"{number} at step {self._steps + 1}, learning rate {rate:.3g}",
                remedy=_REMEDY,
            )
        self._scaler.scale(value).backward()
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.schedule.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return number

    def _measure(self, epoch: int) -> tuple[dict[str, float], bool]:
        """Measure on valid, keep the best weights; return name -> value, and whether to stop."""
        self.module.eval()
        early_stop = self.early_stop
        last = epoch + 1 == self.schedule.epochs
        if early_stop is None or ((epoch + 1) % early_stop.every and not last):
            return {}, False
        with torch.no_grad():
            value = float(early_stop.measure())
        if not math.isfinite(value):
            raise FitError(
                f"training diverged: {early_stop.name} is not finite",
                received=f"{value} after epoch {epoch + 1}",
                remedy=_REMEDY,
            )
        best = self._best_index()
        if best is None or early_stop.is_better(value, than=self.values[best]):
            self._best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.values.append(value)
        stop = self.run.on_valid is not None and bool(self.run.on_valid(epoch, value))
        waited = len(self.values) - 1 - (self._best_index() or 0)
        return {early_stop.name: value}, stop or waited >= self.schedule.patience

    def _best_index(self) -> int | None:
        """Return the index of the best value, the first of equals."""
        if not self.values or self.early_stop is None:
            return None
        best = np.argmax if self.early_stop.higher_is_better else np.argmin
        return int(best(self.values))

    def _path(self) -> Path | None:
        folder = self.run.folder
        return (
            folder / f"{self.label}.safetensors" if folder and self.run.checkpoint_steps else None
        )

    def _save(self, *, done: bool) -> None:
        path = self._path()
        if path is None:
            return
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in (self._best or {}).items()}
        if not done:
            tensors |= {f"optimizer.{k}": v for k, v in self._optimizer.dump().items()}
            states = [torch.get_rng_state(), *(g.get_state() for g in self.generators)]
            tensors |= {f"generator.{i}": state for i, state in enumerate(states)}
        state = {
            "identity": self._identity,
            "done": done,
            "epoch": self._epoch,
            "step": self._step,
            "steps": self._steps,
            "order": self._order_state,
            "values": self.values,
            "scaler": self._scaler.state_dict(),
        }
        write_checkpoint(path, tensors, state)

    def resume(self) -> bool:
        """Load the checkpoint of an earlier attempt; return whether that one was done."""
        path = self._path()
        checkpoint = read_checkpoint(path) if path else None
        if checkpoint is None:
            return False
        tensors, state = checkpoint
        if state["identity"] != self._identity:
            raise FitError(
                "a checkpoint of another training",
                received=str(path),
                remedy="config or data have changed: delete the folder to start over",
            )
        self.module.load_state_dict(strip_prefix("module.", tensors))
        self._best = strip_prefix("best.", tensors) or None
        self.values = state["values"]
        if state["done"]:
            return True
        self._epoch, self._step, self._steps = state["epoch"], state["step"], state["steps"]
        self._order_state = state["order"]
        self._scaler.load_state_dict(state["scaler"])
        self._optimizer.restore(strip_prefix("optimizer.", tensors))
        own, *others = (tensors[f"generator.{i}"] for i in range(1 + len(self.generators)))
        torch.set_rng_state(own)
        for generator, generator_state in zip(self.generators, others, strict=True):
            generator.set_state(generator_state)
        return False
