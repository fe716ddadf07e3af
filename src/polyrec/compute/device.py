"""Choose the device, precision and threads of a computation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_limits

from polyrec.errors import ConfigError

BATCH_SIZES = {"cuda": 128, "mps": 32, "cpu": 16}
"""Type of device -> the number of contents that a large model takes at once."""


def pick_device(name: str) -> Any:
    """Return the torch device of a name; "auto" is CUDA, else MPS, else the CPU."""
    import torch

    available = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if name == "auto":
        name = next((device for device, is_available in available.items() if is_available()), "cpu")
    if name in available and not available[name]():
        raise ConfigError("the device is not available", received=name, remedy="set device: auto")
    return torch.device(name)


def pick_precision(name: str, device: Any) -> Any:
    """Return the torch dtype of a name; "auto" is bf16 on CUDA that has it, else fp32."""
    import torch

    if name == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if has_bf16 else torch.float32
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name not in dtypes:
        raise ConfigError("unknown precision", received=name, remedy=", ".join(dtypes))
    if name == "fp16" and device.type == "cpu":
        raise ConfigError("fp16 needs a GPU", received="cpu", remedy="use bf16 or fp32")
    return dtypes[name]


@contextmanager
def thread_limit(count: int) -> Iterator[None]:
    """Limit the linear algebra libraries to `count` threads inside; 0 leaves them as they are."""
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
