"""What audio encoders share that are trained here: log-mel bands over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from polyrec.encode.audio.log_mel import Bands
from polyrec.encode.trained import Trained


@dataclass
class TrainedAudio(Trained):
    """Sounds as (t, 64) log-mel bands, ten steps per second, at an even loudness."""

    seconds: float = 10.0  # of each sound, from its start
    lufs: float | None = -20.0
    modality: str = "audio"

    @property
    def preparer(self) -> Bands:
        """Return how sounds become bands."""
        return Bands(self.seconds, self.lufs)

    def alter(self, inputs: Any, generator: Any) -> Any:
        """Return the sounds begun elsewhere, a little louder or softer, some bands gone."""
        count, steps, bands = inputs.shape
        begin = int(torch.randint(0, steps, (1,), generator=generator))
        moved = torch.roll(inputs, begin, dims=1)
        moved = moved + 0.3 * (torch.rand(count, 1, 1, generator=generator) - 0.5)
        low = int(torch.randint(0, bands - 8, (1,), generator=generator))
        moved[:, :, low : low + 8] = moved.mean()
        return moved
