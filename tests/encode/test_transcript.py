"""Timed text from a speech model's tokens: windows, times, and what is no speech."""

import io
import wave
from collections.abc import Sequence

import numpy as np
import pytest

from polyrec.config import Limits
from polyrec.encode.audio.transcript import (
    WINDOW,
    SpeechDecoder,
    WindowTokens,
    is_plausible,
    transcribe_frames,
)
from polyrec.errors import MediaError
from polyrec.media.video import Cue

WORDS = ["a", "boat", "at", "sea", "you"]
STAMP = 100  # the token of 0 s; 50 a second


def decode(ids: Sequence[int]) -> str:
    return " ".join(WORDS[i] for i in ids if i < STAMP)


def at(seconds: float) -> int:
    return STAMP + round(50 * seconds)


def transcribed(seconds: int, *answers: Sequence[int] | WindowTokens) -> tuple[list[Cue], list]:
    """Return the cues of a sound, and the first frame of each window."""
    frames = np.tile(np.arange(100 * seconds, dtype=np.float32)[:, None], (1, 80))
    starts, rest = [], list(answers)

    def model(window: np.ndarray) -> WindowTokens:
        assert window.shape == (WINDOW, 80)
        starts.append(window[0, 0])
        answer = rest.pop(0)
        return answer if isinstance(answer, WindowTokens) else WindowTokens(answer, -0.2, 0.1)

    cues = transcribe_frames(frames, model, decode, STAMP)
    assert not rest
    return cues, starts


def test_pieces_have_their_times() -> None:
    tokens = [at(0), 0, 1, at(1.5), at(2), 2, 3, at(4)]
    assert transcribed(5, tokens)[0] == [Cue(0, 1.5, "a boat"), Cue(2, 4, "at sea")]


def test_a_piece_that_the_window_cuts_is_heard_again_whole() -> None:
    first = [at(0), 0, 1, at(28), at(28.5), 2]
    second = [at(0), 2, 3, at(2)]
    cues, starts = transcribed(40, first, second)
    assert starts == [0, 2850]
    assert cues == [Cue(0, 28, "a boat"), Cue(28.5, 30.5, "at sea")]


def test_an_open_piece_ends_with_the_sound_and_every_step_goes_on() -> None:
    assert transcribed(3, [at(0), 0, 1])[0] == [Cue(0, 3, "a boat")]
    assert transcribed(3, [0, 1, at(9)])[0] == [Cue(0, 3, "a boat")]
    cues, starts = transcribed(31, [at(0), 0, at(0.2), at(0.2), 1], [at(0), 1, at(29)])
    assert starts == [0, 100]
    assert [cue.text for cue in cues] == ["a", "boat"]


@pytest.mark.parametrize(
    "made_up",
    [
        WindowTokens([at(0), 4, at(1)], -1.3, 0.2),
        WindowTokens([at(0), 4, at(1)], -0.3, 0.9),
        WindowTokens([at(0), *[4] * 200, at(9)], -0.1, 0.1),
    ],
)
def test_words_made_up_from_noise_are_left_out(made_up: WindowTokens) -> None:
    assert not is_plausible(made_up, decode)
    cues, starts = transcribed(50, made_up, [at(0), 0, 1, at(2)])
    assert starts == [0, WINDOW]
    assert cues == [Cue(30, 32, "a boat")]


def test_silence_has_no_speech_and_sound_becomes_frames_of_10_ms() -> None:
    with pytest.raises(MediaError, match="the sound is silent") as caught:
        SpeechDecoder().prepare(sound(np.zeros(16_000)), Limits())
    assert caught.value.status == "missing"
    frames = SpeechDecoder().prepare(sound(0.1 * np.sin(np.arange(32_000) / 5)), Limits())
    assert frames.shape == (200, 80)
    assert frames.max() - frames.min() <= 2  # eight decades, a quarter each


def sound(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()
