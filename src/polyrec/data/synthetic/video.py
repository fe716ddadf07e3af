"""Video clips: a ball strikes the walls, in picture and sound at the same moments."""

from __future__ import annotations

import io

import av
import numpy as np
from av.codec.context import Flags
from PIL import Image, ImageDraw

from polyrec.data.synthetic.audio import (
    OVERTONES,
    RATE,
    ROOTS,
    add_audio_stream,
    add_tone,
    encode_samples,
)
from polyrec.data.synthetic.image import theme_colour
from polyrec.data.synthetic.latents import Reals
from polyrec.types import Floats

SIZE, FPS, SECONDS = 96, 20, 3.0
_SPEED = (0.8, 0.6, 2.2, 0.9, 0.5, 1.4, 0.7, 2.6)  # strikes per second
_BALLS = (1, 1, 3, 1, 2, 2, 1, 4)


def render_video(
    shared: Reals, private: Reals, generator: np.random.Generator
) -> tuple[bytes, Reals]:
    """Return an mp4 with sound, and the times (s) of its strikes."""
    main = int(np.argmax(shared))
    speed = float(shared**2 @ np.array(_SPEED)) * np.exp(0.15 * np.clip(private[0], -2, 2))
    phase = generator.uniform(0.1, 0.9)
    strikes = np.arange(phase, SECONDS * speed, 1.0) / speed
    strikes = np.round(strikes[strikes < SECONDS - 0.1] * FPS) / FPS  # a strike falls on a frame
    frames = _frames(shared, private, strikes, generator)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        picture = container.add_stream("libx264", rate=FPS)
        picture.width = picture.height = SIZE
        picture.pix_fmt = "yuv420p"
        # with lookahead, x264 gives other bytes from run to run at this small size
        picture.options = {"preset": "veryfast", "crf": "26", "tune": "zerolatency"}
        picture.codec_context.thread_count = 1
        picture.codec_context.flags |= Flags.bitexact
        sound = add_audio_stream(container, "aac", RATE)
        for pixels in frames:
            for packet in picture.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in picture.encode(None):
            container.mux(packet)
        encode_samples(container, sound, _render_sound(main, private, strikes, generator))
    return buffer.getvalue(), strikes


def _frames(
    shared: Reals, private: Reals, strikes: Reals, generator: np.random.Generator
) -> list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
    main, second = np.argsort(-shared)[:2]
    background = theme_colour(int(second), 0.15, private[1], 255)[:3]
    ball = theme_colour(int(main), 0.8, private[1], 255)[:3]
    lanes = generator.uniform(0.2, 0.8, _BALLS[int(main)]) * SIZE
    frames = []
    radius = 9 + 3 * float(np.tanh(private[2]))
    for index in range(int(SECONDS * FPS)):
        time = index / FPS
        # the ball runs from wall to wall between strikes, and the picture flashes at each
        passed = int(np.searchsorted(strikes, time + 1e-9))
        before = strikes[passed - 1] if passed else -0.5
        after = strikes[passed] if passed < len(strikes) else before + 1.0
        share = (time - before) / max(1e-6, after - before)
        x = radius + (SIZE - 2 * radius) * (share if passed % 2 else 1 - share)
        flash = passed > 0 and time - before < 0.5 / FPS
        image = Image.new("RGB", (SIZE, SIZE), (255, 255, 255) if flash else background)
        draw = ImageDraw.Draw(image)
        for y in lanes:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=ball)
        frames.append(np.asarray(image))
    return frames


def _render_sound(
    theme: int, private: Reals, strikes: Reals, generator: np.random.Generator
) -> Floats:
    wave = 0.004 * generator.standard_normal(int(RATE * SECONDS))
    pitch = ROOTS[theme] * float(np.exp(0.1 * np.clip(private[3], -2, 2)))
    for strike in strikes:
        add_tone(wave, strike, (pitch, 18.0), OVERTONES[theme])
    return np.asarray(0.8 * wave / np.abs(wave).max(), np.float32)
