"""Decoders that hang, crash or fill the memory cost one content."""

import os
from dataclasses import dataclass

import numpy as np
import pytest

from polyrec.compute import messages
from polyrec.compute.sandbox import Sandbox
from polyrec.compute.workers import map_ordered
from polyrec.config import Limits
from polyrec.errors import FitError, MediaError

TROUBLE = "polyrec_trouble:Trouble"
SOURCE = """
import os, signal, time
from dataclasses import dataclass
import numpy as np
from polyrec.errors import MediaError

@dataclass
class Trouble:
    factor: float = 1.0

    def prepare(self, raw, limits):
        text = raw if isinstance(raw, str) else raw.decode()
        if text == "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            while True:
                time.sleep(60)
        if text == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if text == "exit":
            os._exit(3)
        if text == "memory":
            return np.ones(1 << 33, np.uint8)
        if text == "bug":
            raise ZeroDivisionError("by zero")
        if text == "print":
            print("not an answer")
        if text == "broken":
            raise MediaError("is broken", status="truncated")
        return np.full((2, len(text)), self.factor, np.float32)
"""


@pytest.fixture
def box(tmp_path, monkeypatch):
    (tmp_path / "polyrec_trouble.py").write_text(SOURCE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with Sandbox(Limits(timeout_s=1.5, memory_mb=1024)) as opened:
        yield opened


def ask(box: Sandbox, raw: str | bytes) -> np.ndarray:
    return box.prepare(TROUBLE, {"factor": 2.0}, raw)


def test_the_result_is_returned(box: Sandbox) -> None:
    assert ask(box, "abc").tolist() == [[2, 2, 2], [2, 2, 2]]
    assert ask(box, b"ab").shape == (2, 2)
    assert ask(box, "").shape == (2, 0)
    assert ask(box, "print").shape == (2, 5)


@pytest.mark.parametrize(
    ("trouble", "status", "message"),
    [
        ("hang", "timed out", "took too long: received '1.5 s'"),
        ("crash", "damaged", "the decoder crashed: received 'SIGSEGV'"),
        ("exit", "damaged", "exit code 3"),
        ("memory", "too large", "too much memory"),
        ("bug", "damaged", "ZeroDivisionError: by zero"),
        ("broken", "truncated", "is broken"),
    ],
)
def test_a_failure_has_a_status_and_the_next_content_is_read(
    box: Sandbox, trouble: str, status: str, message: str
) -> None:
    with pytest.raises(MediaError, match=message) as caught:
        ask(box, trouble)
    assert caught.value.status == status
    assert ask(box, "next").shape == (2, 4)


def test_threads_get_their_own_responses(box: Sandbox) -> None:
    def length(text: str) -> int:
        try:
            return ask(box, text).shape[1]
        except MediaError:
            return -1

    texts = ["x" * (i % 9) if i % 10 else "crash" for i in range(30)]
    wanted = [-1 if text == "crash" else len(text) for text in texts]
    assert list(map_ordered(length, texts, workers=3)) == wanted


def test_a_hanging_decoder_does_not_block_the_others(box: Sandbox) -> None:
    ended = []

    def length(text: str) -> int:
        try:
            return ask(box, text).shape[1]
        except MediaError:
            return -1
        finally:
            ended.append(text)

    assert list(map_ordered(length, ["hang", *"abcdef"], workers=2)) == [-1, *[1] * 6]
    assert ended[-1] == "hang"  # all others were read while it was waited for


def test_a_class_that_is_missing_or_takes_other_settings_is_an_error(box: Sandbox) -> None:
    with pytest.raises(FitError, match="can't be used in a decoding process"):
        box.prepare("polyrec_nowhere:Part", {}, "a")
    with pytest.raises(FitError, match="unexpected keyword"):
        box.prepare(TROUBLE, {"speed": 3}, "a")


@dataclass
class Pipe:
    """Bytes that come a few at a time."""

    content: bytes

    def readinto(self, view: memoryview) -> int:
        count = min(3, len(view), len(self.content))
        view[:count] = self.content[:count]
        self.content = self.content[count:]
        return count


def test_messages_survive_pipes_with_few_bytes_at_once() -> None:
    class Sink(list):
        def write(self, piece: bytes) -> None:
            self.append(bytes(piece))

        def flush(self) -> None:
            pass

    sink = Sink()
    header, payload = messages.pack_array(np.arange(6, dtype=np.int16).reshape(2, 3))
    messages.write_message(sink, header, payload)
    header, payload = messages.read_message(Pipe(b"".join(sink)))
    assert messages.unpack_array(header, payload).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(EOFError):
        messages.read_message(Pipe(b"\0\0"))
    with pytest.raises(ValueError, match="objects"):
        messages.unpack_array({"dtype": "|O", "shape": [1]}, bytearray(8))
