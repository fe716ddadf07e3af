"""Every real sound and video of the public samples can be read, whatever its codec."""

from pathlib import Path

import polars as pl
import pytest

from polyrec.encode.audio.spectral import Spectral
from polyrec.encode.video.motion import Motion
from polyrec.media.probe import probe

pytestmark = pytest.mark.shared_data


def test_all_samples_are_read_and_described(shared_data: Path) -> None:
    folder = shared_data / "media_samples"
    table = pl.read_parquet(folder / "items.parquet")
    assert len(table) == 123
    for path, kind in table.select("path", "kind").iter_rows():
        probe(kind, folder / path)
    files = {
        kind: [folder / path for path in table.filter(pl.col("kind") == kind)["path"]]
        for kind in ("audio", "video")
    }
    heard = Spectral().encode(files["audio"][::6])
    seen = Motion().encode(files["video"])
    assert heard.present.all()
    assert seen.present.all()
    with_sound = seen.vectors[:, -1]
    streams = table.filter(pl.col("kind") == "video")["audio_streams"].to_numpy()
    assert with_sound.tolist() == (streams > 0).tolist()
