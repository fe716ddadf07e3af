"""Videos through a pretrained image model, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from polyrec.encode.image.decode_image import Frames
from polyrec.encode.image.image_model import ImageModel, load_look
from polyrec.encode.pretrained import as_unit_rows
from polyrec.media.image import Pixels
from polyrec.types import Floats


@dataclass
class FramesModel(ImageModel):
    """A video as the mean (or the maximum) of its frames' vectors, at length 1.

    With CLIP or SigLIP it lies in the same space as pictures and texts.
    """

    frames: int = 8
    seconds: float = 30.0  # of each video
    by_shot: bool = False
    over_time: Literal["mean", "max"] = "mean"
    modality: str = "video"

    @property
    def preparer(self) -> Frames:  # type: ignore[override] # many pictures of one content
        """Return how frames are picked, resized and cropped for this model."""
        return Frames(
            **asdict(load_look(self.folder).picture),
            frames=self.frames,
            seconds=self.seconds,
            by_shot=self.by_shot,
        )

    @property
    def batch_size(self) -> int:
        """Return how many videos the model takes at once."""
        return max(1, super().batch_size // self.frames)

    def embed(self, prepared: Sequence[Pixels]) -> Floats:
        """Return (b, d) rows of (t, s, s, 3) frames."""
        rows = self.features(np.concatenate(prepared)).float()
        rows = rows.reshape(len(prepared), self.frames, -1)
        return as_unit_rows(rows.mean(dim=1) if self.over_time == "mean" else rows.amax(dim=1))
