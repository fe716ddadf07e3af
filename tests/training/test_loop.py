"""What a training promises: the same bits by seed, the best weights, and none lost to a kill."""

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
    """Stands for a kill in the middle of a step."""


class Lesson:
    """A small network with dropout, whose loss draws from a generator of its own."""

    def __init__(self, *, dies_at: int = 0, epochs: int = 6, **schedule) -> None:
        torch.manual_seed(3)
        self.network = torch.nn.Sequential(
            torch.nn.Linear(5, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
        )
        self.generator = torch.Generator().manual_seed(5)
        self.schedule = Schedule(epochs=epochs, rate=0.05, **schedule)
        self.dies_at, self.steps = dies_at, 0

    def batches(self, order: np.random.Generator):
        rows = order.permutation(64)
        return (rows[i : i + 16] for i in range(0, 64, 16))

    def loss(self, rows: np.ndarray):
        self.steps += 1
        if self.steps == self.dies_at:
            raise KilledError
        noise = 0.1 * torch.randn(len(rows), 1, generator=self.generator)
        return ((self.network(X[rows]) + noise - Y[rows]) ** 2).mean()

    def measure(self) -> float:
        return float(((self.network(X) - Y) ** 2).mean())

    def learn(self, valid="measure") -> list[float]:
        return train(
            self.network, self.batches, self.loss, schedule=self.schedule, seed=1,
            valid=self.measure if valid == "measure" else valid, generators=(self.generator,),
        )  # fmt: skip

    @property
    def bits(self) -> list[bytes]:
        return [p.detach().numpy().tobytes() for p in self.network.parameters()]


@pytest.mark.parametrize("dies_at", [2, 4, 9, 17, 24])
def test_killed_and_begun_again_equals_never_killed(tmp_path: Path, dies_at: int) -> None:
    whole = Lesson()
    values = whole.learn()
    with use_run(RunContext(folder=tmp_path, every=3)), pytest.raises(KilledError):
        Lesson(dies_at=dies_at).learn()
    torch.manual_seed(99)  # another process begins elsewhere
    again = Lesson()
    with use_run(RunContext(folder=tmp_path, every=3)):
        assert again.learn() == values
    assert again.bits == whole.bits
    assert again.steps <= 24 - 3 * ((dies_at - 1) // 3)  # only what was lost is learned again


def test_a_training_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    first, second = Lesson(), Lesson(dies_at=1)
    with use_run(RunContext(folder=tmp_path, every=100)):
        values = first.learn()
    with use_run(RunContext(folder=tmp_path, every=100)):
        assert second.learn() == values
    assert second.bits == first.bits


@pytest.mark.parametrize("change", [{"fingerprint": "other data"}, {"epochs": 7}])
def test_another_config_or_other_data_are_refused(tmp_path: Path, change: dict) -> None:
    with use_run(RunContext(folder=tmp_path, every=3)), pytest.raises(KilledError):
        Lesson(dies_at=9).learn()
    mark = change.get("fingerprint", "")
    with (
        use_run(RunContext(folder=tmp_path, every=3, fingerprint=mark)),
        pytest.raises(FitError, match="a checkpoint of another training"),
    ):
        Lesson(epochs=change.get("epochs", 6)).learn()


def test_a_broken_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "001-train.safetensors").write_bytes(b"junk")
    with use_run(RunContext(folder=tmp_path, every=3)), pytest.raises(FitError, match="delete it"):
        Lesson().learn()


def test_a_loss_that_is_no_number_names_step_and_rate() -> None:
    lesson = Lesson()

    def astray(rows: np.ndarray):
        value = lesson.loss(rows)
        return value * float("nan") if lesson.steps == 6 else value

    with pytest.raises(FitError, match=r"nan at step 6, learning rate 0\.0467"):
        train(lesson.network, lesson.batches, astray, valid=None, schedule=lesson.schedule, seed=1)


def test_a_figure_on_valid_that_is_no_number_is_refused() -> None:
    with pytest.raises(FitError, match="valid loss nan after epoch 1"):
        Lesson().learn(valid=lambda: float("nan"))


def test_the_best_weights_are_kept_and_patience_ends_it() -> None:
    figures = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.1])
    lesson, kept = Lesson(epochs=6, patience=2), []

    def measure() -> float:
        kept.append(lesson.bits)
        return next(figures)

    watch = EarlyStop(measure, "recall", higher=True)
    assert lesson.learn(valid=watch) == [0.1, 0.5, 0.4, 0.3]
    assert lesson.bits == kept[1]


def test_a_watch_may_look_now_and_then_and_always_at_the_end() -> None:
    asked = []
    watch = EarlyStop(lambda: asked.append(1) or 1.0, every=4)
    assert len(Lesson(epochs=6).learn(valid=watch)) == 2


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


def test_half_precision_learns_too() -> None:
    lesson = Lesson(epochs=30, precision="bf16")
    values = lesson.learn()
    assert min(values) < 0.5 * values[0]


def test_the_log_holds_a_line_per_epoch_and_the_bar_tells_loss_and_figure(tmp_path: Path) -> None:
    told, watched = [], []
    run = RunContext(
        lambda *said: told.append(said), tmp_path, watched=lambda *pair: watched.append(pair)
    )
    with use_run(run):
        values = Lesson().learn()
    lines = [json.loads(line) for line in (tmp_path / "trainings.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["valid loss"] for line in lines] == values
    assert watched == list(enumerate(values))
    assert told[0][:3] == ("001-train", 1, 6)
    assert told[0][3].startswith("loss ")
    assert not list(tmp_path.glob("*.safetensors"))  # no checkpoints were asked for


def test_who_watches_may_end_a_training_at_its_best() -> None:
    watched = []

    def enough(epoch: int, value: float) -> bool:
        watched.append(value)
        return epoch == 2

    lesson = Lesson()
    with use_run(RunContext(watched=enough)):
        assert lesson.learn() == watched
    assert len(watched) == 3
    with torch.no_grad():
        assert lesson.measure() == min(watched)
