"""What audio encoders share that are trained on the catalogue: log-mel bands over time."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from polyrec.contracts import part
from polyrec.encode.audio.log_mel import LogMelDecoder
from polyrec.encode.trained import TrainedEncoder


@part
class TrainedAudioEncoder(TrainedEncoder):
    """Sounds as (t, 64) log-mel bands, ten steps per second, at an even loudness."""

    version: ClassVar[int] = 3  # 3: silence before a late start

    seconds: float = 10.0  # of each sound, from its start
    lufs: float | None = -20.0
    modality: str = "audio"

    @property
    def preparer(self) -> LogMelDecoder:
        """Return what decodes sounds to bands."""
        return LogMelDecoder(self.seconds, self.lufs)

    def augment(self, inputs: Any, generator: Any) -> Any:
        """Return the sounds rolled in time, a little louder or softer, eight bands masked."""
        count, steps, bands = inputs.shape
        start = int(torch.randint(0, steps, (1,), generator=generator))
        altered = torch.roll(inputs, start, dims=1)
        altered = altered + 0.3 * (torch.rand(count, 1, 1, generator=generator) - 0.5)
        low = int(torch.randint(0, bands - 8, (1,), generator=generator))
        altered[:, :, low : low + 8] = altered.mean()
        return altered
