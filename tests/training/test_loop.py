"""The training loop: the same bits by seed, the best weights kept, resumed after a kill."""

import json
from pathlib import Path

import numpy as np
import pytest

from polyrec.errors import FitError
from polyrec.training.early_stop import EarlyStop
from polyrec.training.run_context import RunContext, use_run

torch = pytest.importorskip("torch")
from polyrec.training.loop import Schedule, train  # noqa: E402

X = torch.from_numpy(np.random.default_rng(0).standard_normal((64, 5)).astype(np.float32))
Y = X[:, :1] * 2 - X[:, 1:2]


class KilledError(Exception):
    """A kill in the middle of a step."""


class Training:
    """A small network with dropout, whose loss draws from a generator of its own."""

    def __init__(self, *, killed_at: int = 0, epochs: int = 6, **schedule) -> None:
        torch.manual_seed(3)
        self.network = torch.nn.Sequential(
            torch.nn.Linear(5, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
        )
        self.generator = torch.Generator().manual_seed(5)
        self.schedule = Schedule(epochs=epochs, rate=0.05, **schedule)
        self.killed_at, self.steps = killed_at, 0

    def batches(self, order: np.random.Generator):
        rows = order.permutation(64)
        return (rows[i : i + 16] for i in range(0, 64, 16))

    def loss(self, rows: np.ndarray):
        self.steps += 1
        if self.steps == self.killed_at:
            raise KilledError
        noise = 0.1 * torch.randn(len(rows), 1, generator=self.generator)
        return ((self.network(X[rows]) + noise - Y[rows]) ** 2).mean()

    def measure(self) -> float:
        return float(((self.network(X) - Y) ** 2).mean())

    def run(self, valid="measure") -> list[float]:
        return train(
            self.network, self.batches, self.loss, schedule=self.schedule, seed=1,
            valid=self.measure if valid == "measure" else valid, generators=(self.generator,),
        )  # fmt: skip

    @property
    def bits(self) -> list[bytes]:
        return [p.detach().numpy().tobytes() for p in self.network.parameters()]


@pytest.mark.parametrize("killed_at", [2, 4, 9, 17, 24])
def test_killed_and_resumed_equals_never_killed(tmp_path: Path, killed_at: int) -> None:
    uninterrupted = Training()
    values = uninterrupted.run()
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=3)), pytest.raises(KilledError):
        Training(killed_at=killed_at).run()
    torch.manual_seed(99)  # another process has another state
    again = Training()
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=3)):
        assert again.run() == values
    assert again.bits == uninterrupted.bits
    assert again.steps <= 24 - 3 * ((killed_at - 1) // 3)  # only what was lost is repeated


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first, second = Training(), Training(killed_at=1)
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=100)):
        values = first.run()
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=100)):
        assert second.run() == values
    assert second.bits == first.bits


@pytest.mark.parametrize("change", [{"fingerprint": "other data"}, {"epochs": 7}])
def test_another_config_or_other_data_are_refused(tmp_path: Path, change: dict) -> None:
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=3)), pytest.raises(KilledError):
        Training(killed_at=9).run()
    fingerprint = change.get("fingerprint", "")
    with (
        use_run(RunContext(folder=tmp_path, checkpoint_steps=3, fingerprint=fingerprint)),
        pytest.raises(FitError, match="a checkpoint of another training"),
    ):
        Training(epochs=change.get("epochs", 6)).run()


def test_a_broken_checkpoint_can_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "001-train.safetensors").write_bytes(b"junk")
    with (
        use_run(RunContext(folder=tmp_path, checkpoint_steps=3)),
        pytest.raises(FitError, match="delete it"),
    ):
        Training().run()


def test_a_loss_that_is_not_finite_names_step_and_rate() -> None:
    training = Training()

    def diverging(rows: np.ndarray):
        value = training.loss(rows)
        return value * float("nan") if training.steps == 6 else value

    with pytest.raises(FitError, match=r"nan at step 6, learning rate 0\.0467"):
        train(
            training.network,
            training.batches,
            diverging,
            valid=None,
            schedule=training.schedule,
            seed=1,
        )


def test_a_value_on_valid_that_is_not_finite_is_refused() -> None:
    with pytest.raises(FitError, match="valid loss is not finite: received 'nan after epoch 1'"):
        Training().run(valid=lambda: float("nan"))


def test_the_best_weights_are_kept_and_patience_ends_it() -> None:
    values = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.1])
    training, bits = Training(epochs=6, patience=2), []

    def measure() -> float:
        bits.append(training.bits)
        return next(values)

    early_stop = EarlyStop(measure, "recall", higher_is_better=True)
    assert training.run(valid=early_stop) == [0.1, 0.5, 0.4, 0.3]
    assert training.bits == bits[1]


def test_valid_may_be_measured_now_and_then_and_always_at_the_end() -> None:
    calls = []
    early_stop = EarlyStop(lambda: calls.append(1) or 1.0, every=4)
    assert len(Training(epochs=6).run(valid=early_stop)) == 2


@pytest.mark.parametrize(
    ("kind", "rates"),
    [
        ("cosine", [1.0, 0.8536, 0.5, 0.1464]),
        ("step", [1.0, 1.0, 0.1, 0.01]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_rates_follow_their_schedule(kind: str, rates: list[float]) -> None:
    schedule = Schedule(epochs=4, rate=1.0, kind=kind)
    assert [round(schedule.rate_at(epoch), 4) for epoch in range(4)] == rates


def test_half_precision_trains_too() -> None:
    training = Training(epochs=30, precision="bf16")
    values = training.run()
    assert min(values) < 0.5 * values[0]


def test_the_log_has_a_line_per_epoch_and_the_bar_shows_loss_and_value(tmp_path: Path) -> None:
    progress, measured = [], []
    run = RunContext(
        lambda *step: progress.append(step), tmp_path, on_valid=lambda *pair: measured.append(pair)
    )
    with use_run(run):
        values = Training().run()
    lines = [json.loads(line) for line in (tmp_path / "trainings.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["valid loss"] for line in lines] == values
    assert measured == list(enumerate(values))
    assert progress[0][:3] == ("001-train", 1, 6)
    assert progress[0][3].startswith("loss ")
    assert not list(tmp_path.glob("*.safetensors"))  # checkpoint_steps is 0


def test_a_callback_may_end_a_training_at_its_best() -> None:
    values = []

    def stop(epoch: int, value: float) -> bool:
        values.append(value)
        return epoch == 2

    training = Training()
    with use_run(RunContext(on_valid=stop)):
        assert training.run() == values
    assert len(values) == 3
    with torch.no_grad():
        assert training.measure() == min(values)
