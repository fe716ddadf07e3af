"""Decode in separate processes: a decoder that hangs or crashes costs one content, not the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, cast

from polyrec.compute import messages
from polyrec.config import Limits
from polyrec.errors import FitError, MediaError
from polyrec.types import Floats, Raw

_PIPE = 1 << 20  # bytes that a pipe holds: enough for an image (where the system allows it)

_Message = tuple[dict[str, Any], bytearray]


class Sandbox:
    """A pool of decoding processes, as many as calls at once, each started when first needed.

    Any thread may call `prepare`. The processes are programs of their own, not forks: a script that
    uses polyrec needs no main guard, and no lock of another thread is copied.

    >>> from polyrec.types import Problem
    >>> with Sandbox(Limits()) as sandbox:
    ...     sandbox.prepare("polyrec.media.probe:Probe", {"modality": "text"}, "words").size
    0
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._limits_json = limits.model_dump(mode="json")
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._all: set[_Worker] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        for worker in list(self._all):
            worker.stop()

    def prepare(self, address: str, settings: Mapping[str, Any], raw: Raw) -> Floats:
        """Return the result of `prepare(raw, limits)` of the dataclass at "module:Class".

        A content that can't be read, takes too long or crashes the decoder raises `MediaError`; a
        class that can't be imported or constructed in a new process raises `FitError`.
        """
        content, payload = messages.pack_content(raw)
        request = {"address": address, "settings": settings, "limits": self._limits_json, **content}
        try:
            response, array = self._call(request, payload)
        except _WorkerDied:
            response, array = self._retry(request, payload)
        if "fault" in response:
            raise FitError(
                f"{address} can't be used in a decoding process",
                received=response["fault"],
                remedy="define the class in a module that can be imported",
            )
        if "status" in response:
            raise MediaError(response["reason"], status=response["status"])
        return messages.unpack_array(response, array)

    def _retry(self, request: dict[str, Any], payload: bytes) -> _Message:
        """Try again: the process may have died of something else than this content."""
        try:
            return self._call(request, payload)
        except _WorkerDied as error:
            raise MediaError("the decoder crashed", received=str(error)) from None

    def _call(self, request: dict[str, Any], payload: bytes) -> _Message:
        worker = self._take()
        try:
            response = worker.call(request, payload)
        except (EOFError, OSError):
            self._all.discard(worker)
            code = worker.stop()
        else:
            self._idle.put(worker)
            return response
        if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
            received = f"{self.limits.timeout_s:g} s"
            remedy = "raise media.timeout_s if the file is intact"
            raise MediaError(
                "decoding took too long", received=received, remedy=remedy, status="timed out"
            )
        raise _WorkerDied(signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def _take(self) -> _Worker:
        try:
            return self._idle.get_nowait()
        except Empty:
            worker = _Worker(self.limits.memory_mb)
            self._all.add(worker)
            return worker


class _Worker:
    """One process and its two pipes."""

    def __init__(self, memory_mb: int) -> None:
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "polyrec.compute.decode_worker", str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **threads},
            bufsize=0,
            pipesize=_PIPE,
        )

    def call(self, request: dict[str, Any], payload: bytes) -> _Message:
        """Return the response to a request."""
        messages.write_message(cast("Any", self._process.stdin), request, payload)
        return messages.read_message(cast("Any", self._process.stdout))

    def stop(self) -> int:
        """End the process and return its exit code: its own, if it has ended before."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            return self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _WorkerDied(Exception):  # noqa: N818 - never leaves this file
    """A decoding process ended without a response."""
