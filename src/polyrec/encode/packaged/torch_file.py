"""Repack weights that `torch.save` wrote to safetensors, without running code of theirs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file


def repack_efficientnet(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the weights of EfficientNet-Lite0 without its classifier into a folder."""
    (content,) = files.values()
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    kept = {name: rows.contiguous() for name, rows in state.items() if not name.startswith("_fc")}
    save_file(kept, folder / "model.safetensors")
