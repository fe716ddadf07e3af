"""Videos through a pretrained image model, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import ClassVar, Literal

import numpy as np

from polyrec.contracts import part
from polyrec.encode.image.image_model import ImageModel, load_preprocessing
from polyrec.encode.pretrained import as_unit_rows
from polyrec.encode.video.decode_frames import FrameDecoder
from polyrec.media.image import Pixels
from polyrec.types import Floats


@part
class FramesModel(ImageModel):
    """A video as the mean (or the maximum) of its frames' vectors, at length 1.

    With CLIP or SigLIP it lies in the same space as images and texts.
    """

    version: ClassVar[int] = 3  # 3: mirrored frames

    frames: int = 8
    seconds: float = 30.0  # of each video, from its start
    by_shot: bool = False
    over_time: Literal["mean", "max"] = "mean"
    modality: str = "video"

    sample_files: ClassVar[Mapping[str, str]] = {"model": "resnet"}

    @property
    def preparer(self) -> FrameDecoder:
        """Return what picks, resizes and crops frames for this model."""
        return FrameDecoder(
            **asdict(load_preprocessing(self.folder).decoder),
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
