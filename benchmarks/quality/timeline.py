"""How exactly are two streams of one event synchronised?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.timeline

1. Forty studio videos with sound: sound or picture is delayed against the other by up to 3 s
   (uniform), also with the sound played 2% slower, always with noise at 10 dB. The shift is
   estimated from motion energy against onset strength, and from the sound against its own copy.
2. The real clips of media_samples with sound, each against a delayed copy of its sound.
"""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.results import save_results
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.errors import MediaError
from polyrec.media.audio import load_audio
from polyrec.media.streams import motion_energy, onset_strength
from polyrec.media.timeline import Stream, find_shift
from polyrec.media.video import load_video
from polyrec.types import Floats

RATE = 16_000
CLIPS = 40


def main() -> None:
    save_results("timeline", {"studio": studio_clips(), "real_clips": real_clips()})


def studio_clips() -> dict[str, Any]:
    """Return the errors on studio videos, for each pair of streams and each drift."""
    errors: dict[str, list[tuple[float, float]]] = {}
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        generate_studio(Path(folder) / "studio", StudioSettings(items=80, users=40, damaged=0))
        for samples, motion in sounding_videos(Path(folder) / "studio/video"):
            offset = float(generator.uniform(-3, 3))
            for drift in (0.0, 0.02):
                clip_errors = shift_errors(samples, motion, offset, drift, generator)
                for name, error in clip_errors.items():
                    errors.setdefault(f"{name}, drift {drift:.0%}", []).append(error)
    goals = {"goals_ms": {"median": 40, "p95": 120}}
    return {name: _summary(rows) for name, rows in errors.items()} | goals


def sounding_videos(folder: Path) -> Iterator[tuple[Floats, Stream]]:
    """Yield sound and motion energy of the first `CLIPS` videos that have sound."""
    count = 0
    for path in sorted(folder.iterdir()):
        try:
            samples = load_audio(path, rate=RATE, seconds=30)
        except MediaError:  # silent
            continue
        yield samples, motion_energy(load_video(path, rate=50, size=48, seconds=30))
        count += 1
        if count == CLIPS:
            return


def shift_errors(
    samples: Floats, motion: Stream, offset: float, drift: float, generator: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return the errors of offset (s) and drift, of pictures and of sound against the copy."""
    early, late = max(-offset, 0.0), max(offset, 0.0)
    sound = np.concatenate([np.zeros(int(early * RATE), np.float32), samples])
    times = np.arange(int(len(samples) * (1 + drift) + late * RATE)) / RATE
    positions = (times - late) / (1 + drift) * RATE
    copy = np.interp(positions, np.arange(len(samples)), samples, left=0, right=0)
    copy = copy + generator.normal(size=len(copy)) * np.sqrt((samples**2).mean() / 10)
    second = onset_strength(copy.astype(np.float32), RATE)
    pictures = dataclasses.replace(motion, times=motion.times + early)
    truth = late - early * (1 + drift)
    errors = {}
    for name, stream in (("pictures", pictures), ("sound", onset_strength(sound, RATE))):
        shift = find_shift(stream, second, drifts=drift > 0)
        errors[name] = (abs(shift.offset_s - truth), abs(shift.drift - drift))
    return errors


def real_clips() -> dict[str, Any]:
    """Return the errors on real clips."""
    samples_folder = SHARED_DATA / "media_samples"
    table = pl.read_parquet(samples_folder / "items.parquet")
    generator = np.random.default_rng(0)
    errors = {}
    for path in table.filter((pl.col("kind") == "video") & (pl.col("audio_streams") > 0))["path"]:
        samples = load_audio(samples_folder / path, rate=RATE, seconds=30)
        offset = float(generator.uniform(0.2, 3))
        delayed = np.concatenate([np.zeros(int(offset * RATE), np.float32), samples])
        first, second = onset_strength(samples, RATE), onset_strength(delayed, RATE)
        forward = find_shift(first, second, drifts=False)
        backward = find_shift(second, first, drifts=False)
        errors[Path(path).name] = {
            "error_ms": round(1000 * abs(forward.offset_s - offset), 1),
            "error_back_ms": round(1000 * abs(backward.offset_s + offset), 1),
            "confidence": round(forward.confidence, 2),
        }
    return {**errors, "goal_ms": 40}


def _summary(errors: list[tuple[float, float]]) -> dict[str, Any]:
    offsets, drifts = np.abs(np.array(errors)).T
    return {
        "clips": len(errors),
        "median_ms": round(1000 * float(np.median(offsets)), 1),
        "p95_ms": round(1000 * float(np.quantile(offsets, 0.95)), 1),
        "drift_error_median": round(float(np.median(drifts)), 4),
    }


if __name__ == "__main__":
    main()
