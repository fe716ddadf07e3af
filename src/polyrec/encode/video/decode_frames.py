"""Decode videos to a fixed number of frames, without loading a model."""

from __future__ import annotations

from dataclasses import dataclass

import av
from PIL import Image

from polyrec.config import Limits
from polyrec.encode.image.decode_image import ImageDecoder
from polyrec.media.image import Pixels
from polyrec.media.source import reopenable
from polyrec.media.video import load_video, pick_frames, read_video
from polyrec.types import Raw

_OVERSAMPLING = 4  # frames decoded per frame picked, where shots are looked for


@dataclass
class FrameDecoder:
    """Decodes a video to (t, crop, crop, 3): frames spread evenly, or one per shot first."""

    crop: int = 224
    edge: int = 224
    resample: int = Image.Resampling.BICUBIC.value
    frames: int = 8
    seconds: float = 30.0
    by_shot: bool = False

    def prepare(self, raw: Raw, limits: Limits) -> Pixels:
        """Return (t, crop, crop, 3) RGB."""
        decoder = ImageDecoder(self.crop, self.edge, self.resample)

        def resize(frame: av.VideoFrame) -> Pixels:
            return decoder.resize(Image.fromarray(frame.to_ndarray(format="rgb24")))

        content, seconds = reopenable(raw, limits), self.seconds
        preview = load_video(content, rate=1, size=8, seconds=seconds, limits=limits)
        length = float(preview.times[-1]) + 1
        count = self.frames * (_OVERSAMPLING if self.by_shot else 1)
        video = read_video(content, resize, rate=count / length, seconds=seconds, limits=limits)
        return pick_frames(video, self.frames, by_shot=self.by_shot).frames
