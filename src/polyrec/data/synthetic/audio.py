"""Sound clips: a small tune whose scale, pulse and timbre come from the factors."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer

from polyrec.data.synthetic.latents import Reals
from polyrec.types import Floats

RATE = 22_050
SECONDS = 3.0
_SCALES = (
    (0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 1, 5, 6, 10), (0, 1, 4, 5, 8),
    (0, 7, 12, 19, 24), (0, 4, 5, 9, 11), (0, 2, 7, 14, 16), (0, 3, 6, 9, 12),
)  # fmt: skip
ROOTS = (220.0, 147.0, 330.0, 185.0, 110.0, 262.0, 392.0, 294.0)  # Hz
_BEATS = (1.6, 1.3, 4.2, 2.0, 0.9, 2.8, 1.1, 5.0)  # notes per second
OVERTONES = (2, 3, 7, 4, 1, 5, 2, 9)
_HISS = (0.05, 0.02, 0.01, 0.03, 0.0, 0.02, 0.06, 0.01)


def synthesize_clip(shared: Reals, private: Reals, generator: np.random.Generator) -> Floats:
    """Return (samples,) mono at `RATE`, full scale 1."""
    count = int(RATE * SECONDS)
    wave = np.zeros(count)
    for theme in np.argsort(-shared)[:2]:
        wave += float(shared[theme]) ** 2 * _tune(int(theme), private, generator)
    hiss = float(shared**2 @ np.array(_HISS)) + 0.01 * abs(private[3])
    wave = wave + hiss * generator.standard_normal(count)
    loud = 0.5 * np.exp(0.25 * np.clip(private[0], -2, 2))
    return np.asarray(np.clip(loud * wave / max(1e-6, np.abs(wave).max()), -1, 1), np.float32)


def _tune(theme: int, private: Reals, generator: np.random.Generator) -> Reals:
    beat = _BEATS[theme] * np.exp(0.12 * np.clip(private[1], -2, 2))
    slope = 1.2 + 0.3 * float(np.tanh(private[2]))
    wave = np.zeros(int(RATE * SECONDS))
    for start in np.arange(0, SECONDS, 1 / beat):
        step = _SCALES[theme][int(generator.integers(5))]
        decay = min(8.0, 2 * beat)
        add_tone(wave, start, (ROOTS[theme] * 2 ** (step / 12), decay), OVERTONES[theme], slope)
    return np.asarray(wave / max(1e-6, np.abs(wave).max()))


def add_tone(
    wave: Reals, start: float, tone: tuple[float, float], overtones: int, slope: float = 1.0
) -> None:
    """Add a tone (Hz, decay per s) to a wave from `start` s on, until it has faded away.

    Overtone k sounds at 1 / k^slope of the ground tone; each is one power more of exp(i x), which
    is cheaper than as many sines.
    """
    pitch, decay = tone
    first = int(start * RATE)
    count = min(len(wave) - first, int(RATE * 6 / decay))
    since = np.arange(count) / RATE
    ground = np.exp(2j * np.pi * pitch * since)
    power, total = ground.copy(), ground.imag.copy()
    for k in range(2, overtones + 1):
        power *= ground
        total += power.imag / k**slope
    wave[first : first + count] += np.exp(-decay * since) * total


def encode_audio(samples: Floats, *, ogg: bool) -> bytes:
    """Return an mp3, or an Ogg file with Opus, the same bytes for the same samples."""
    buffer = io.BytesIO()
    form, codec, rate = ("ogg", "libopus", 48_000) if ogg else ("mp3", "libmp3lame", RATE)
    with av.open(buffer, "w", format=form, options={"fflags": "+bitexact"}) as container:
        encode_samples(container, add_audio_stream(container, codec, rate), samples)
    return buffer.getvalue()


def add_audio_stream(container: OutputContainer, codec: str, rate: int) -> av.AudioStream:
    """Return a new mono stream that encodes the same samples to the same bytes."""
    stream = container.add_stream(codec, rate=rate, layout="mono")
    if not isinstance(stream, av.AudioStream):
        raise TypeError(f"{codec} is no audio codec")
    stream.codec_context.bit_rate = 48_000
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= Flags.bitexact
    return stream


def encode_samples(container: OutputContainer, stream: av.AudioStream, samples: Floats) -> None:
    """Encode mono samples at `RATE` into a stream and finish it."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "flt", "mono")
    frame.sample_rate = RATE
    frame.time_base = Fraction(1, RATE)
    frame.pts = 0
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        container.mux(packet)
