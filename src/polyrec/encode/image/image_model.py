"""Pictures through a pretrained image model: ViT, DINOv2, ResNet, ConvNeXt, CLIP, SigLIP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from transformers import AutoImageProcessor

from polyrec.encode.image.decode_image import Picture
from polyrec.encode.pretrained import Pretrained, as_unit_rows
from polyrec.media.image import Pixels
from polyrec.types import Floats


@dataclass
class ImageModel(Pretrained):
    """A picture as one vector of length 1.

    Joint models (CLIP, SigLIP) give their projected image vector, convolutional ones their mean
    over places, transformers that of the first token (with `pooling` mean the mean of all tokens).
    Pictures are resized and cropped as the model's own processor says, by a process that decodes;
    the model's device scales and centres the colours.
    """

    pooling: Literal["cls", "mean"] = "cls"
    modality: str = "image"

    @property
    def preparer(self) -> Picture:
        """Return how pictures are resized and cropped for this model."""
        return load_look(self.folder).picture

    @property
    def width(self) -> int:
        """Return d."""
        return image_width(self.network)

    def embed(self, prepared: Sequence[Pixels]) -> Floats:
        """Return (b, d) rows of (s, s, 3) pictures."""
        return as_unit_rows(self.features(np.stack(prepared)))

    def features(self, pixels: Pixels) -> Any:
        """Return (b, d) features of (b, s, s, 3) pictures, as a tensor."""
        inputs = self.moved({"pixel_values": load_look(self.folder).scaled(pixels)})
        with torch.inference_mode():
            if hasattr(self.network, "get_image_features"):
                found = self.network.get_image_features(**inputs)
                return getattr(found, "pooler_output", found)
            return _pool(self.network(**inputs), self.pooling)


class Look(NamedTuple):
    """How a model wants its pictures: their size, and the scale of their colours."""

    picture: Picture
    factor: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def scaled(self, pixels: Pixels) -> Any:
        """Return (..., 3, s, s) float32 of (..., s, s, 3) bytes."""
        moved = (
            torch.from_numpy(np.require(pixels, requirements=["C", "W"])).movedim(-1, -3).float()
        )
        mean, deviation = (
            torch.tensor(values)[:, None, None] for values in (self.mean, self.deviation)
        )
        return (moved * self.factor - mean) / deviation


@lru_cache(maxsize=4)
def load_look(folder: Path) -> Look:
    """Return what a model folder's own processor does to pictures."""
    told = AutoImageProcessor.from_pretrained(
        folder, backend="pil", local_files_only=True, trust_remote_code=False
    )
    normal = bool(told.do_normalize)
    return Look(
        _picture(told),
        float(told.rescale_factor) if told.do_rescale else 1.0,
        tuple(told.image_mean) if normal else (0.0, 0.0, 0.0),
        tuple(told.image_std) if normal else (1.0, 1.0, 1.0),
    )


def image_width(network: Any) -> int:
    """Return the width of what an image model gives."""
    config = network.config
    if hasattr(network, "get_image_features"):
        vision = config.vision_config
        return int(getattr(config, "projection_dim", 0) or vision.hidden_size)
    if getattr(config, "hidden_sizes", None):  # convolutional: one width per stage
        return int(config.hidden_sizes[-1])
    return int(config.hidden_size)


def _picture(told: Any) -> Picture:
    size = told.size
    edge = int(size.get("shortest_edge") or 0)
    side = int(size.get("height") or edge)
    crop = getattr(told, "crop_size", None) if getattr(told, "do_center_crop", False) else None
    share = getattr(told, "crop_pct", None)
    if edge and share and edge < 384:  # ConvNeXt's and ResNet's way: resize more, then crop
        return Picture(crop=edge, edge=int(edge / share), resample=int(told.resample))
    if edge and share:
        return Picture(crop=edge, edge=0, resample=int(told.resample))
    if crop is not None:
        return Picture(crop=int(crop["height"]), edge=edge or 0, resample=int(told.resample))
    return Picture(crop=side, edge=edge, resample=int(told.resample))


def _pool(found: Any, pooling: str) -> Any:
    states = found.last_hidden_state
    if states.ndim == 4:  # (b, c, h, w)
        return states.mean(dim=(2, 3))
    return states.mean(dim=1) if pooling == "mean" else states[:, 0]
