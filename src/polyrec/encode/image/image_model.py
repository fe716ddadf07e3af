"""Images through a pretrained image model: ViT, DINOv2, DINOv3, ResNet, ConvNeXt, CLIP, SigLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from transformers import AutoImageProcessor, ViTImageProcessorPil

from polyrec.contracts import part
from polyrec.encode.base import Preparer
from polyrec.encode.image.decode_image import ImageDecoder
from polyrec.encode.pretrained import PretrainedEncoder, as_unit_rows, projection
from polyrec.errors import ConfigError
from polyrec.media.image import Pixels
from polyrec.types import Floats


@part
class ImageModel(PretrainedEncoder):
    """An image as one vector of length 1.

    Joint models (CLIP, SigLIP) give their projected image vector, convolutional ones their mean
    over positions, transformers that of the first token (with `pooling` mean the mean of all
    tokens). Images are resized and cropped as the model's own processor does, in a decoding
    process; the model's device scales and centres the colours.
    """

    pooling: Literal["cls", "mean"] = "cls"
    modality: str = "image"

    sample_files: ClassVar[Mapping[str, str]] = {"model": "clip"}

    @property
    def preparer(self) -> Preparer:
        """Return what resizes and crops images for this model."""
        return load_preprocessing(self.folder).decoder

    @property
    def width(self) -> int:
        """Return d."""
        return image_width(self.network)

    def embed(self, prepared: Sequence[Pixels]) -> Floats:
        """Return (b, d) rows of (s, s, 3) images."""
        return as_unit_rows(self.features(np.stack(prepared)))

    def features(self, pixels: Pixels) -> Any:
        """Return (b, d) features of (b, s, s, 3) images, as a tensor."""
        scaled = load_preprocessing(self.folder).scale(pixels)
        network = self.network
        if hasattr(network, "get_image_features"):
            return projection(self.infer(network.get_image_features, pixel_values=scaled))
        return _pool(self.infer(network, pixel_values=scaled).last_hidden_state, self.pooling)


class ImagePreprocessing(NamedTuple):
    """How a model's own processor sizes images and scales their colours."""

    decoder: ImageDecoder
    factor: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def scale(self, pixels: Pixels) -> Any:
        """Return (..., 3, s, s) float32 of (..., s, s, 3) bytes."""
        channels_first = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).movedim(
            -1, -3
        )
        mean, deviation = (
            torch.tensor(values)[:, None, None] for values in (self.mean, self.deviation)
        )
        return (channels_first.float() * self.factor - mean) / deviation


@lru_cache(maxsize=4)
def load_preprocessing(folder: Path) -> ImagePreprocessing:
    """Return what a model folder's own processor does to images."""
    processor = _load_processor(folder)
    normalizes = bool(processor.do_normalize)
    return ImagePreprocessing(
        _decoder(processor),
        float(processor.rescale_factor) if processor.do_rescale else 1.0,
        tuple(processor.image_mean) if normalizes else (0.0, 0.0, 0.0),
        tuple(processor.image_std) if normalizes else (1.0, 1.0, 1.0),
    )


def _load_processor(folder: Path) -> Any:
    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **safe)
    except ImportError:  # DINOv3's own needs torchvision; ViT's does the same by its settings
        processor = ViTImageProcessorPil.from_pretrained(folder, **safe)
    if getattr(processor, "size", None) is None:  # NaFlex
        received = type(processor).__name__
        remedy = "use a model of fixed size, such as siglip2-base-patch16-224"
        raise ConfigError("images of any size are not supported", received=received, remedy=remedy)
    return processor


def image_width(network: Any) -> int:
    """Return the width of an image model's features."""
    config = network.config
    if hasattr(network, "get_image_features"):
        vision = config.vision_config
        return int(getattr(config, "projection_dim", 0) or vision.hidden_size)
    if getattr(config, "hidden_sizes", None):  # convolutional: one width per stage
        return int(config.hidden_sizes[-1])
    return int(config.hidden_size)


def _decoder(processor: Any) -> ImageDecoder:
    size, resample = processor.size, int(processor.resample)
    edge = int(size.get("shortest_edge") or 0)
    side = int(size.get("height") or edge)
    crops = getattr(processor, "do_center_crop", False)
    crop = getattr(processor, "crop_size", None) if crops else None
    share = getattr(processor, "crop_pct", None)
    if edge and share and edge < 384:  # ConvNeXt and ResNet: resize to more, then crop
        return ImageDecoder(crop=edge, edge=int(edge / share), resample=resample)
    if edge and share:
        return ImageDecoder(crop=edge, edge=0, resample=resample)
    if crop is not None:
        return ImageDecoder(crop=int(crop["height"]), edge=edge or 0, resample=resample)
    return ImageDecoder(crop=side, edge=edge, resample=resample)


def _pool(states: Any, pooling: str) -> Any:
    if states.ndim == 4:  # (b, c, h, w)
        return states.mean(dim=(2, 3))
    return states.mean(dim=1) if pooling == "mean" else states[:, 0]
