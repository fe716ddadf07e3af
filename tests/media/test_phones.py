"""Media that phones and editors make: turned videos, odd clocks, several channels, HEIC."""

import fractions
import io
import sys
import wave
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Literal

import av
import numpy as np
import pytest
from PIL import Image, ImageFile

from polyrec.errors import MediaError
from polyrec.media import image
from polyrec.media.audio import load_audio
from polyrec.media.video import load_video, video_thumbnail

UPRIGHT = np.zeros((100, 200, 3), np.uint8)
UPRIGHT[:50, :100], UPRIGHT[:50, 100:] = (220, 30, 30), (30, 200, 30)
UPRIGHT[50:, :100], UPRIGHT[50:, 100:] = (30, 30, 220), (230, 230, 40)
MATRICES = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
MIRRORED = {(-1, 0, 0, 1): np.fliplr, (1, 0, 0, -1): np.flipud,
            (0, 1, 1, 0): lambda p: p.transpose(1, 0, 2),
            (0, -1, -1, 0): lambda p: p.transpose(1, 0, 2)[::-1, ::-1]}  # fmt: skip
HEIC = b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heic"


def film(
    picture: np.ndarray,
    times_ms: Sequence[int],
    *,
    form: Literal["mp4", "matroska"] = "matroska",
    matrix: tuple[int, ...] = MATRICES[0],
) -> bytes:
    """Return a video of one picture with a display matrix."""
    buffer, base = io.BytesIO(), fractions.Fraction(1, 1000)
    with av.open(buffer, "w", format=form) as out:
        stream = out.add_stream("libx264", rate=10)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", base
        for time in times_ms:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = time, base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    content = buffer.getvalue()
    if matrix == MATRICES[0]:
        return content
    a, b, c, d = (value << 16 for value in matrix)
    plain = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    written = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    start = content.index(plain, content.index(b"tkhd"))
    return content[:start] + written + content[start + len(written) :]


@pytest.mark.parametrize("matrix", [*MATRICES.values(), *MIRRORED])
def test_a_turned_or_mirrored_video_stands_upright(matrix: tuple[int, ...]) -> None:
    turns = {own: degrees // 90 for degrees, own in MATRICES.items()}
    stored = MIRRORED[matrix](UPRIGHT) if matrix in MIRRORED else np.rot90(UPRIGHT, turns[matrix])
    raw = film(np.ascontiguousarray(stored), range(0, 1200, 100), form="mp4", matrix=matrix)
    frame = load_video(raw, rate=2, size=64, seconds=9).frames[0].astype(int)
    for row, column in ((16, 16), (16, 48), (48, 16), (48, 48)):
        wanted = UPRIGHT[row * 100 // 64, column * 200 // 64].astype(int)
        assert np.abs(frame[row, column] - wanted).max() < 60
    assert Image.open(io.BytesIO(video_thumbnail(raw, size=100))).size == (100, 50)


@pytest.mark.parametrize(
    ("times_ms", "rate", "expected"),
    [
        (range(0, 2000, 100), 5, np.arange(10) / 5),
        (range(5000, 7000, 100), 5, np.arange(10) / 5),  # a clock that starts late
        ([0, 100, *range(4000, 4900, 50)], 5, [0, 4, 4.2, 4.4, 4.6, 4.8]),  # a gap
        ([0, 380, 400, 600, 800, 990, 1000, 1010], 5, [0, 0.38, 0.6, 0.8, 1.0]),  # variable
    ],
)
def test_frames_are_evenly_spaced(
    times_ms: Sequence[int], rate: float, expected: Sequence[float]
) -> None:
    clip = load_video(film(UPRIGHT, list(times_ms)), rate=rate, size=16, seconds=30)
    assert clip.times == pytest.approx(np.array(expected), abs=0.011)
    assert len(clip.frames) == len(expected)


def test_the_first_seconds_count_from_the_start_of_a_late_clock() -> None:
    clip = load_video(film(UPRIGHT, range(5000, 9000, 100)), rate=5, size=16, seconds=1)
    assert clip.times == pytest.approx(np.arange(5) / 5, abs=0.011)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_mono_is_the_mean_of_the_channels(channels: int) -> None:
    time = np.arange(22_050) / 22_050
    tones = np.zeros((len(time), channels))
    tones[:, 0] = 0.9 * np.sin(2 * np.pi * 440 * time)  # in the first channel alone
    same = np.repeat(tones[:, :1], channels, axis=1)
    for samples, gain in ((same, 1), (tones, 1 / channels)):
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(2)
            out.setframerate(22_050)
            out.writeframes((samples * 32_767).astype("<i2").tobytes())
        mono = load_audio(buffer.getvalue(), rate=22_050, seconds=5)
        assert mono == pytest.approx(gain * samples[:, 0], abs=1e-3)
        assert mono.dtype == np.float32
        assert mono.ndim == 1


def clip_with_sound(starts_ms: Sequence[int]) -> bytes:
    """Return a video of 3 s with tones of half a second that start at these times."""
    buffer, base = io.BytesIO(), fractions.Fraction(1, 1000)
    with av.open(buffer, "w", format="matroska") as out:
        video = out.add_stream("libx264", rate=10)
        video.height, video.width, video.pix_fmt = 64, 64, "yuv420p"
        video.codec_context.time_base = base
        sound = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        for time in range(5000, 8000, 100):
            frame = av.VideoFrame.from_ndarray(UPRIGHT[:64, :64], format="rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = time, base
            out.mux(video.encode(frame))
        tone = (20_000 * np.sin(np.arange(4000) / 3)).astype(np.int16)[None]
        for time in starts_ms:
            piece = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            piece.sample_rate, piece.time_base, piece.pts = 8000, base, time
            out.mux(sound.encode(piece))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize("starts_ms", [[5000], [6500], [5500, 7200]])
def test_sound_stays_on_the_clock_of_the_pictures(starts_ms: Sequence[int]) -> None:
    samples = load_audio(clip_with_sound(starts_ms), rate=8000, seconds=9)
    loud = np.abs(samples).reshape(-1, 80).max(axis=1) > 0.1  # every 10 ms
    expected = np.zeros_like(loud)
    for time in starts_ms:
        expected[(time - 5000) // 10 : (time - 5000) // 10 + 50] = True
    assert (loud != expected).sum() <= 2 * len(starts_ms)
    short = load_audio(clip_with_sound(starts_ms), rate=8000, seconds=0.7)
    assert len(short) == min(5600, len(samples)) if starts_ms != [5000] else 4000
    assert short == pytest.approx(samples[:5600])


def test_a_heic_image_without_its_plug_in_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image._formats.cache_clear()
    with pytest.raises(MediaError, match="needs the plug-in pillow-heif; pip install pillow-heif"):
        image.load_image(HEIC, size=8)
    image._formats.cache_clear()


def test_a_heic_image_is_read_by_its_plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    class HeicFile(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            if len(self.fp.read()) < len(HEIC):
                raise SyntaxError("cut")
            self._size, self._mode = (4, 2), "RGB"

        def load(self) -> None:
            self.im = Image.new("RGB", self.size, (9, 8, 7)).im

    def register() -> None:
        Image.register_open("HEIF", HeicFile, lambda head: head[4:8] == b"ftyp")

    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(register_heif_opener=register))
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    image._formats.cache_clear()
    assert image.load_image(HEIC, size=2)[0, 0].tolist() == [9, 8, 7]
    with pytest.raises(MediaError, match="the image is damaged"):
        image.load_image(HEIC[:-2], size=2)
    image._formats.cache_clear()
