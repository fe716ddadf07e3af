"""From Whisper's tokens to timed text, window by window, without loading a model."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from polyrec.config import Limits
from polyrec.encode.audio.slaney_mel import MelSettings, mel_power
from polyrec.errors import MediaError
from polyrec.media.audio import load_audio
from polyrec.media.video import Cue
from polyrec.types import Floats, Raw

WINDOW = 3000  # frames of 10 ms
_MEL = MelSettings(window=400, hop=160, bands=80)
_STAMPS_PER_S = 50
_FRAMES_PER_S = 100
# music and noise lead to made-up text: unlikely words, or the same ones again and again
_MIN_SCORE = -0.7  # mean log probability of a token
_MAX_NO_SPEECH = 0.6
_MAX_COMPRESSION = 2.4


class WindowTokens(NamedTuple):
    """What a speech model returns for a window."""

    ids: Sequence[int]
    score: float  # mean log probability
    no_speech: float  # probability that there is none


@dataclass
class SpeechDecoder:
    """Decodes a sound, or a video's sound track, to (t, 80) log-mel frames of 10 ms."""

    seconds: float = 300.0  # of each sound, from its start

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return the frames; pure silence raises `MediaError`."""
        samples = load_audio(raw, rate=_MEL.rate, seconds=self.seconds, limits=limits)
        if float(np.abs(samples).max()) < 1e-4:
            raise MediaError("no speech: the sound is silent", status="missing")
        bands = np.log10(np.maximum(mel_power(samples, _MEL)[: len(samples) // _MEL.hop], 1e-10))
        return np.asarray((np.maximum(bands, bands.max(initial=-8) - 8) + 4) / 4, np.float32)


def transcribe_frames(
    frames: Floats,
    transcribe: Callable[[Floats], WindowTokens],
    decode: Callable[[Sequence[int]], str],
    first_stamp: int,
) -> list[Cue]:
    """Return the timed text of (t, 80) frames; `transcribe` takes (3000, 80), padded with 0.

    Tokens from `first_stamp` on are times, .02 s apart. The next window starts where the last
    complete piece of text ends, so that no word is cut.
    """
    cues: list[Cue] = []
    start = 0
    while start < len(frames):
        window = frames[start : start + WINDOW]
        tokens = transcribe(np.pad(window, ((0, WINDOW - len(window)), (0, 0))))
        step = WINDOW
        if is_plausible(tokens, decode):
            pieces = list(_pieces(tokens.ids, first_stamp, len(window)))
            if len(pieces) > 1 and pieces[-1][1] is None and start + WINDOW < len(frames):
                step = max(_FRAMES_PER_S, round(pieces.pop()[0] * _FRAMES_PER_S))
            for begin, end, ids in pieces:
                limit = len(window) / _FRAMES_PER_S
                text = decode(ids).strip()
                times = [start / _FRAMES_PER_S + min(t, limit)
                         for t in (begin, limit if end is None else end)]  # fmt: skip
                cues += [Cue(times[0], times[1], text)] if text else []
        start += step
    return cues


def is_plausible(tokens: WindowTokens, decode: Callable[[Sequence[int]], str]) -> bool:
    """Return whether a window's text was spoken, rather than made up from noise or music."""
    text = decode(tokens.ids).encode()
    compression = len(text) / max(1, len(zlib.compress(text)))
    unlikely = tokens.score < _MIN_SCORE or tokens.no_speech > _MAX_NO_SPEECH
    return not unlikely and compression <= _MAX_COMPRESSION


def _pieces(
    ids: Sequence[int], first_stamp: int, frames: int
) -> Iterator[tuple[float, float | None, list[int]]]:
    """Yield start, end (None: open) in s of the window, and tokens of each piece of text."""
    begin, text = 0.0, []
    for token in ids:
        if token < first_stamp:
            text.append(token)
            continue
        time = (token - first_stamp) / _STAMPS_PER_S
        if text:
            yield begin, time, text
        begin, text = time, []
    if text:
        yield min(begin, frames / _FRAMES_PER_S), None, text
