"""Where tensors are computed and with how many bits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_limits

from polyrec.errors import ConfigError

BATCHES = {"cuda": 128, "mps": 32, "cpu": 16}
"""How many contents a large model takes at once, by kind of device."""


def pick_device(wanted: str) -> Any:
    """Return the torch device of a name; "auto" takes CUDA, then MPS, then the CPU."""
    import torch

    here = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if wanted == "auto":
        wanted = next((name for name, there in here.items() if there()), "cpu")
    if wanted in here and not here[wanted]():
        raise ConfigError("this device is not here", received=wanted, remedy="set device: auto")
    return torch.device(wanted)


def pick_precision(wanted: str, device: Any) -> Any:
    """Return the torch dtype of a name; "auto" is bf16 on CUDA that has it, else fp32."""
    import torch

    if wanted == "auto":
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if half else torch.float32
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if wanted not in kinds:
        raise ConfigError("unknown precision", received=wanted, remedy=", ".join(kinds))
    if wanted == "fp16" and device.type == "cpu":
        raise ConfigError("fp16 needs a GPU", received="cpu", remedy="use bf16 or fp32")
    return kinds[wanted]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let the libraries of linear algebra use `count` threads inside; 0 leaves them alone."""
    if not count:
        yield
        return
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    with threadpool_limits(count):
        if torch:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
