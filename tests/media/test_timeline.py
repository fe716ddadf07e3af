"""The shift between two streams of an event is estimated, with a confidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.errors import MediaError
from polyrec.media.streams import (
    crop_regions,
    cue_density,
    motion_energy,
    onset_strength,
    read_sensors,
)
from polyrec.media.timeline import Shift, Stream, find_shift, on_grid, pool, shifted, warp_shift
from polyrec.media.video import Cue, Video

RATE = 16_000
CLICKS = np.array([0.31, 0.9, 1.17, 2.05, 2.6, 3.4, 4.45, 4.71, 5.9, 6.33, 7.77, 8.2])


def clicks(offset: float = 0.0, drift: float = 0.0, *, length: float = 13.0) -> np.ndarray:
    """Return short bursts at the known times, moved; nothing before 0."""
    samples = np.zeros(int(length * RATE), np.float32)
    burst = np.random.default_rng(0).normal(size=400).astype(np.float32)
    for time in offset + (1 + drift) * CLICKS:
        start = round(time * RATE)
        if 0 <= start < len(samples) - 400:
            samples[start : start + 400] += burst
    return samples


def onset(offset: float = 0.0, drift: float = 0.0) -> Stream:
    return onset_strength(clicks(offset, drift), RATE)


@pytest.mark.parametrize("offset", [-1.7, -0.25, 0.0, 0.013, 0.5, 2.9])
def test_an_offset_is_found_and_turned_round_when_the_streams_are(offset: float) -> None:
    base = 2.0
    first, second = onset(base), onset(base + offset)
    forth, back = find_shift(first, second, drifts=False), find_shift(second, first, drifts=False)
    assert forth.offset_s == pytest.approx(offset, abs=0.006)
    assert back.offset_s == pytest.approx(-offset, abs=0.006)
    assert forth.drift == 0
    assert forth.confidence > 0.3


@pytest.mark.parametrize("drift", [-0.02, -0.004, 0.01, 0.02])
def test_offset_and_drift_are_found_together(drift: float) -> None:
    shift = find_shift(onset(), onset(1.0, drift))
    assert shift.drift == pytest.approx(drift, abs=0.002)
    assert shift.offset_s == pytest.approx(1.0, abs=0.03)
    moved = shifted(onset(1.0, drift), shift)
    assert abs(find_shift(onset(), moved, drifts=False).offset_s) < 0.03


def test_noise_lowers_the_confidence_before_it_moves_the_place() -> None:
    generator = np.random.default_rng(0)
    shifts = []
    for level in (0.0, 0.1, 3.0):
        noisy = clicks(1.0) + level * generator.normal(size=13 * RATE).astype(np.float32)
        shifts.append(
            find_shift(onset(), onset_strength(noisy.astype(np.float32), RATE), drifts=False)
        )
    assert shifts[1].offset_s == pytest.approx(1.0, abs=0.02)
    assert shifts[0].confidence > shifts[1].confidence > shifts[2].confidence


@pytest.mark.parametrize("still", [np.zeros(RATE, np.float32), np.zeros(1, np.float32)])
def test_silence_finds_nothing_and_says_so(still: np.ndarray) -> None:
    assert find_shift(onset(), onset_strength(still, RATE)) == Shift(0.0, 0.0, 0.0)
    assert warp_shift(onset(), onset_strength(still, RATE)).confidence == 0
    nobody = Stream.of([np.nan, np.nan], times=[0, 1])
    assert find_shift(nobody, onset()).confidence == 0


def test_warping_finds_the_slope() -> None:
    steady = Stream.of(
        np.sin(np.arange(300) / 7) + np.arange(300) % 50 / 20, times=np.arange(300) / 20
    )
    slower = Stream(steady.values, steady.times * 1.03, steady.present)
    shift = warp_shift(steady, slower)
    assert shift.drift == pytest.approx(0.03, abs=0.01)
    assert abs(shift.offset_s) < 0.3
    assert shift.confidence > 0.8


def test_pictures_and_sound_of_one_event_meet() -> None:
    times = np.arange(0, 10, 0.04)
    frames = np.zeros((len(times), 16, 16, 3), np.uint8)
    for flash, time in enumerate(CLICKS):
        frames[times >= time + 1.0] = 200 * ((flash + 1) % 2)
    motion = motion_energy(Video(frames, times))
    shift = find_shift(onset(), motion, drifts=False)
    assert shift.offset_s == pytest.approx(1.0, abs=0.03)


def test_everything_comes_onto_one_grid_and_gaps_stay_gaps() -> None:
    streams = {
        "sensor": Stream.of([[1.0], [3.0], [9.0]], times=[0.1, 0.6, 3.2]),
        "cues": cue_density([Cue(1.0, 2.0, "x" * 10)], length_s=3.0),
    }
    grid = on_grid(streams, hop_s=1.0)
    assert grid["sensor"].times.tolist() == grid["cues"].times.tolist() == [0, 1, 2, 3]
    assert grid["sensor"].present.tolist() == [True, False, False, True]
    assert grid["sensor"].values[:, 0].tolist() == [2, 0, 0, 9]
    assert grid["cues"].present.tolist() == [True, True, True, False]
    assert grid["cues"].values[:, 0] == pytest.approx([0, 10, 0, 0], abs=1e-5)
    assert len(on_grid(streams, length_s=10)["cues"]) == 10
    assert on_grid({}) == {}


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=9), st.randoms())
def test_pooling_reads_only_what_is_there_in_any_order(rows: list, chance) -> None:
    values = np.array([[v, -v] for v, _ in rows], np.float32)
    present = np.array([known for _, known in rows])
    times = np.arange(len(rows), dtype=float)
    junk = np.where(present[:, None], values, np.float32(1e9))
    order = list(range(len(rows)))
    chance.shuffle(order)
    for how in ("mean", "maximum", "attention"):
        for query in (None, [1.0, 0.5]):
            pooled = pool(Stream(values, times, present), how, query=query)
            assert np.array_equal(pool(Stream(junk, times, present), how, query=query), pooled)
            turned = pool(Stream(values[order], times, present[order]), how, query=query)
            assert np.allclose(turned, pooled, atol=1e-4)
            assert present.any() or not pooled.any()


def test_attention_follows_the_query() -> None:
    stream = Stream.of(np.eye(3) * 50, times=[0, 1, 2])
    assert pool(stream, "attention", query=[0, 1, 0]) == pytest.approx([0, 50, 0], abs=1e-3)


def test_sensor_tables_are_streams() -> None:
    streams = read_sensors(b"time,heart,step\n0.5, 60,1\n0.1,58,\n0.9,oops,3\n")
    assert streams["heart"].times.tolist() == [0.1, 0.5, 0.9]
    assert streams["heart"].present.tolist() == [True, True, False]
    assert streams["step"].present.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1,2\n", "not a sensor table"),
        (b"time\n1\n", "not a sensor table"),
        (b"time,x\n", "a time is not a number"),
        (b"time,x\nnoon,3\n", "a time is not a number"),
        (b'time,x\n"1,2\n"3"4,\n', "."),
        (b"\x00\xff\xfe" * 40, "."),
    ],
)
def test_what_is_no_sensor_table_is_an_error(raw: bytes, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        read_sensors(raw)


def test_regions_come_onto_one_canvas() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:, 0] = 255
    regions = crop_regions(picture, [[0, 0, 0.5, 1], [0.5, 0, 0.9, 1]], canvas=16)
    assert regions.shape == (2, 16, 16, 3)
    assert regions[0].max() < 200
    assert (regions[1][:, 2:, 0] == 255).all()
    assert crop_regions(picture, [], canvas=8).shape == (0, 8, 8, 3)
    for box in ([0, 0, 0, 1], [2, 2, 1, 1], [np.nan, 0, 1, 1]):
        with pytest.raises(MediaError, match="an empty region"):
            crop_regions(picture, [box], canvas=8)
