"""One row of what happens together: windows, gaps, files beside, clocks that differ."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from polyrec.config import Limits
from polyrec.encode.audio.log_mel import RATE
from polyrec.encode.base import content_key
from polyrec.encode.run import EncodeContext, encode_contents
from polyrec.encode.video.timeline import Timeline, cue_words
from polyrec.media.timeline import Stream, on_grid
from polyrec.media.video import Cue

SECONDS, FPS = 8, 10
BURSTS = (0.5, 1.6, 3.1, 3.7, 5.2, 6.9)


def film(delay: float = 0.0, *, sound: bool = True) -> bytes:
    """Return a film that flickers now and then and crackles with it, or so many seconds later."""
    generator = np.random.default_rng(0)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        pictures = container.add_stream("mpeg4", rate=FPS)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        track = container.add_stream("pcm_s16le", rate=RATE, layout="mono") if sound else None
        for index in range(SECONDS * FPS):
            lively = any(0 <= index / FPS - start < 0.5 for start in BURSTS)
            pixels = np.full((64, 64, 3), 200 * (lively and index % 2), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if track is not None:
            times = np.arange(SECONDS * RATE) / RATE
            lively = np.zeros(len(times), bool)
            for start in BURSTS:
                lively |= (times - delay >= start) & (times - delay < start + 0.5)
            clicks = (np.floor(times * FPS) != np.floor((times - 0.01) * FPS)) & lively
            noise = clicks * generator.standard_normal(len(times)) * 8000
            frame = av.AudioFrame.from_ndarray(noise.astype(np.int16)[None], "s16", "mono")
            frame.sample_rate = RATE
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return buffer.getvalue()


def row(encoder: Timeline, content: bytes | Path) -> np.ndarray:
    view = encoder.encode([content])
    assert view.present[0], view.problems
    return view.vectors[0]


@pytest.mark.parametrize(
    ("pooling", "wanted"), [("mean", 4.0), ("maximum", 9.0), ("attention", 9.0)]
)
def test_windows_are_pooled_and_gaps_are_masked(pooling: str, wanted: float) -> None:
    # the sensor has nothing in the third window; most happens in the fourth
    streams = {
        "motion": Stream.of([0.0, 0, 0, 50], times=[0.1, 1.1, 2.1, 3.1]),
        "onsets": Stream.of([0.0, 0, 0, 50], times=[0.2, 1.2, 2.2, 3.2]),
        "sensor heart": Stream.of([1.0, 2, 9], times=[0.5, 1.5, 3.5]),
    }
    part = Timeline(pooling=pooling, sensors=("heart",))
    pooled = part.pooled(on_grid(streams, hop_s=1.0, length_s=4.0))
    heart = pooled[sum(part._widths.values()) - 1]
    if pooling == "attention":
        # z of the lively window is sqrt(3) per stream, of the others -1 / sqrt(3)
        weights = np.exp(2 * np.array([-1, -1, 3]) / np.sqrt(3))
        wanted = float(weights @ [1, 2, 9] / weights.sum())
    assert heart == pytest.approx(wanted, rel=1e-3)
    assert pooled[-1] == pytest.approx(1.0)
    flags = dict(zip(part._widths, pooled[-7:-1], strict=True))
    assert flags == {"pictures": 0, "motion": 1, "sound": 0, "onsets": 1, "words": 0,
                     "sensor heart": 1}  # fmt: skip


def test_motion_and_sound_correlate_and_resync_corrects_late_sound() -> None:
    plain, moved = (Timeline(hop_s=0.25, rate=FPS, resync=resync) for resync in (False, True))
    together, late = film(), film(delay=0.9)
    assert row(plain, together)[-1] > 0.5
    assert row(plain, late)[-1] < 0.2
    assert row(moved, late)[-1] > 0.5
    silent = row(plain, film(sound=False))
    assert silent[-1] == 0
    assert np.array_equal(silent[:268], row(plain, together)[:268])


def test_sidecar_files_are_read_and_are_part_of_the_cache_key(
    context: EncodeContext, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mkv"
    clip.write_bytes(film())
    encoder = Timeline(sensors=("heart", "speed"))
    alone = row(encoder, clip)
    (tmp_path / "clip.csv").write_text("time,heart\n0.5,60\n3.5,80\n")
    (tmp_path / "clip.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\na quiet sea\n\n")
    complete = row(encoder, clip)
    starts = dict(zip(encoder._widths, np.cumsum([0, *encoder._widths.values()]), strict=False))
    assert complete[starts["sensor heart"]] == pytest.approx(70)
    assert complete[starts["sensor speed"]] == alone[starts["sensor heart"]] == 0
    words = slice(starts["words"], starts["words"] + 64)
    assert not alone[words].any()
    assert np.allclose(complete[words], cue_words([Cue(0, 1, "a quiet sea")])["words"].values[0])
    first = encode_contents(encoder, [clip], context).vectors[0]
    assert np.allclose(first, complete, atol=1e-6)
    (tmp_path / "clip.csv").write_text("time,heart\n0.5,90\n")  # the cache must not answer
    assert encode_contents(encoder, [clip], context).vectors[0][starts["sensor heart"]] == 90
    suffixes = ((), (".csv",), (".srt",))
    keys = {content_key(clip, "x", Limits(), sidecars=files)[0] for files in suffixes}
    assert len(keys) == 3


def test_a_damaged_sidecar_is_a_gap(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    clip.write_bytes(film(sound=False))
    encoder = Timeline(sensors=("heart",))
    alone = row(encoder, clip)
    (tmp_path / "clip.csv").write_bytes(b"\xff\x00")
    (tmp_path / "clip.srt").write_text("nothing")
    assert np.array_equal(row(encoder, clip), alone)
