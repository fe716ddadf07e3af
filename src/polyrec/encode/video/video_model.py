"""Videos through a pretrained video model: VideoMAE, TimeSformer, X-CLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import ClassVar

import numpy as np

from polyrec.contracts import part
from polyrec.encode.image.image_model import load_preprocessing
from polyrec.encode.pretrained import PretrainedEncoder, as_unit_rows, projection
from polyrec.encode.video.decode_frames import FrameDecoder
from polyrec.media.image import Pixels
from polyrec.types import Floats


@part
class VideoModel(PretrainedEncoder):
    """A video as one vector of length 1.

    X-CLIP gives its projected video vector, others the mean of their tokens. As many frames are
    taken as the model was trained on, spread evenly, or with `by_shot` one per shot first.
    """

    version: ClassVar[int] = 3  # 3: mirrored frames

    seconds: float = 30.0  # of each video, from its start
    by_shot: bool = False
    modality: str = "video"

    sample_files: ClassVar[Mapping[str, str]] = {"model": "videomae"}

    @property
    def preparer(self) -> FrameDecoder:
        """Return what picks, resizes and crops frames for this model."""
        config = self.network.config
        vision = getattr(config, "vision_config", config)
        return FrameDecoder(
            **asdict(load_preprocessing(self.folder).decoder),
            frames=int(vision.num_frames),
            seconds=self.seconds,
            by_shot=self.by_shot,
        )

    @property
    def width(self) -> int:
        """Return d."""
        config = self.network.config
        return int(getattr(config, "projection_dim", 0) or config.hidden_size)

    def embed(self, prepared: Sequence[Pixels]) -> Floats:
        """Return (b, d) rows of (t, s, s, 3) frames."""
        pixels = load_preprocessing(self.folder).scale(np.stack(prepared))  # (b, t, 3, s, s)
        network = self.network
        if hasattr(network, "get_video_features"):
            output = self.infer(network.get_video_features, pixel_values=pixels)
            return as_unit_rows(projection(output))
        return as_unit_rows(self.infer(network, pixel_values=pixels).last_hidden_state.mean(dim=1))
