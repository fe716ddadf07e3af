"""Videos through a pretrained video model: VideoMAE, TimeSformer, X-CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from polyrec.encode.image.decode_image import Frames
from polyrec.encode.image.image_model import load_look
from polyrec.encode.pretrained import Pretrained, as_unit_rows
from polyrec.media.image import Pixels
from polyrec.types import Floats


@dataclass
class VideoModel(Pretrained):
    """A video as one vector of length 1.

    X-CLIP gives its projected video vector, others the mean of their tokens. As many frames are
    taken as the model was trained on, spread evenly, or with `by_shot` one per shot first.
    """

    seconds: float = 30.0  # of each video
    by_shot: bool = False
    modality: str = "video"

    @property
    def preparer(self) -> Frames:
        """Return how frames are picked, resized and cropped for this model."""
        config = self.network.config
        vision = getattr(config, "vision_config", config)
        picture = load_look(self.folder).picture
        return Frames(
            **asdict(picture),
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
        pixels = load_look(self.folder).scaled(np.stack(prepared))  # (b, t, 3, s, s)
        return as_unit_rows(self._features(pixels))

    def _features(self, pixels: Any) -> Any:
        inputs = self.moved({"pixel_values": pixels})
        with torch.inference_mode():
            if hasattr(self.network, "get_video_features"):
                found = self.network.get_video_features(**inputs)
                return getattr(found, "pooler_output", found)
            return self.network(**inputs).last_hidden_state.mean(dim=1)
