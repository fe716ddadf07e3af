"""Open content of bounded size from a path, bytes, an open file or a URL."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.remote import fetch
from polyrec.types import Link, Problem, Raw


@contextmanager
def open_content(raw: Raw, limits: Limits) -> Iterator[BinaryIO]:
    """Open content as a seekable file; what can't or must not be opened raises `MediaError`."""
    if isinstance(raw, Path):
        with _open_file(raw, limits) as file:
            yield file
        return
    yield io.BytesIO(read_bytes(raw, limits))


def read_bytes(raw: Raw, limits: Limits) -> bytes:
    """Return the bytes of content that is not a path: text, bytes, an open file, a URL."""
    if isinstance(raw, Problem):
        raise MediaError(raw.reason, status=raw.status)
    if isinstance(raw, Link):
        content = fetch(raw.url, limits)
    elif isinstance(raw, str):
        content = raw.encode("utf-8", "surrogatepass")
    elif isinstance(raw, bytes):
        content = raw
    elif hasattr(raw, "read"):
        content = cast("BinaryIO", raw).read(int(limits.max_mb * 1e6) + 1)
    else:
        raise MediaError("not media content", received=type(raw).__name__, status="wrong type")
    check_size(len(content), limits)
    return content


def reopenable(raw: Raw, limits: Limits) -> Raw:
    """Return content that can be opened more than once."""
    return raw if isinstance(raw, Path | bytes) else read_bytes(raw, limits)


def check_size(size: int, limits: Limits) -> None:
    """Raise `MediaError` for no bytes, or for more than the limits allow."""
    if not size:
        raise MediaError("the file is empty")
    if size > limits.max_mb * 1e6:
        remedy = f"media.max_mb allows {limits.max_mb:g}"
        received = f"{size / 1e6:.1f} MB"
        raise MediaError(
            "the file is too large", received=received, remedy=remedy, status="too large"
        )


def _open_file(path: Path, limits: Limits) -> BinaryIO:
    try:
        # opening a pipe without a writer would block
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError as error:
        raise MediaError("no such file", received=path.name, status="missing") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError("the file can't be opened", received=reason, status="missing") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise MediaError("not a regular file", received=path.name, status="wrong type")
        check_size(status.st_size, limits)
    except MediaError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")
