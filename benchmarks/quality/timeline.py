"""How exactly are two streams of one event put on one clock?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.timeline

1. Forty sounding studio videos: the sound is delayed against the pictures, or the pictures against
   the sound, by up to 3 s (uniform), also played 2% slower, always with noise at 10 dB. Found from
   motion energy against onset strength, and from the sound against its own copy.
2. The real clips of media_samples with a sound track: a copy delayed against itself.
"""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.results import save_results
from polyrec.data.synthetic import Studio, make_world
from polyrec.errors import MediaError
from polyrec.media.audio import load_audio
from polyrec.media.streams import motion_energy, onset_strength
from polyrec.media.timeline import Stream, find_shift
from polyrec.media.video import load_video
from polyrec.types import Floats

RATE = 16_000
CLIPS = 40


def main() -> None:
    save_results("timeline", {"studio": studio(), "real_clips": real()})


def studio() -> dict:
    found: dict[str, list[tuple[float, float]]] = {}
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        make_world(Path(place) / "world", Studio(items=80, users=40, damaged=0))
        clips = 0
        for path in sorted((Path(place) / "world/video").iterdir()):
            try:
                samples = load_audio(path, rate=RATE, seconds=30)
            except MediaError:  # a silent one
                continue
            motion = motion_energy(load_video(path, rate=50, size=48, seconds=30))
            offset = float(generator.uniform(-3, 3))
            for drift in (0.0, 0.02):
                told = _asked(samples, motion, offset, drift, generator)
                for name, errors in told.items():
                    found.setdefault(f"{name}, drift {drift:.0%}", []).append(errors)
            clips += 1
            if clips == CLIPS:
                break
    return {name: _summary(errors) for name, errors in found.items()} | {
        "goals_ms": {"median": 40, "p95": 120}
    }


def _asked(
    samples: Floats, motion: Stream, offset: float, drift: float, generator: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return the errors of offset (s) and drift, of pictures and of sound against the copy."""
    early, late = max(-offset, 0.0), max(offset, 0.0)
    first = np.concatenate([np.zeros(int(early * RATE), np.float32), samples])
    times = np.arange(int(len(samples) * (1 + drift) + late * RATE)) / RATE
    places = (times - late) / (1 + drift) * RATE
    copy = np.interp(places, np.arange(len(samples)), samples, left=0, right=0)
    copy = copy + generator.normal(size=len(copy)) * np.sqrt((samples**2).mean() / 10)
    second = onset_strength(copy.astype(np.float32), RATE)
    pictures = dataclasses.replace(motion, times=motion.times + early)
    truth = late - early * (1 + drift)
    found = {}
    for name, stream in (("pictures", pictures), ("sound", onset_strength(first, RATE))):
        shift = find_shift(stream, second, drifts=drift > 0)
        found[name] = (abs(shift.offset_s - truth), abs(shift.drift - drift))
    return found


def real() -> dict:
    table = pl.read_parquet(SHARED_DATA / "media_samples" / "items.parquet")
    generator = np.random.default_rng(0)
    errors = {}
    for path in table.filter((pl.col("kind") == "video") & (pl.col("audio_streams") > 0))["path"]:
        samples = load_audio(SHARED_DATA / "media_samples" / path, rate=RATE, seconds=30)
        offset = float(generator.uniform(0.2, 3))
        late = np.concatenate([np.zeros(int(offset * RATE), np.float32), samples])
        one, two = onset_strength(samples, RATE), onset_strength(late, RATE)
        shift = find_shift(one, two, drifts=False)
        back = find_shift(two, one, drifts=False)
        errors[Path(path).name] = {
            "error_ms": round(1000 * abs(shift.offset_s - offset), 1),
            "error_back_ms": round(1000 * abs(back.offset_s + offset), 1),
            "confidence": round(shift.confidence, 2),
        }
    return {**errors, "goal_ms": 40}


def _summary(errors: list[tuple[float, float]]) -> dict:
    offsets, drifts = np.abs(np.array(errors)).T
    return {
        "clips": len(errors),
        "median_ms": round(1000 * float(np.median(offsets)), 1),
        "p95_ms": round(1000 * float(np.quantile(offsets, 0.95)), 1),
        "drift_error_median": round(float(np.median(drifts)), 4),
    }


if __name__ == "__main__":
    main()
