"""Decode in processes of their own: a decoder that hangs or dies takes one content with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, cast

from polyrec.compute import wire
from polyrec.config import Limits
from polyrec.errors import FitError, MediaError
from polyrec.types import Floats, Raw

_PIPE = 1 << 20  # bytes that a pipe holds: a picture passes at once (where the system allows it)


class Sandbox:
    """As many decoding processes as are called for at once, each started when first needed.

    Any thread may call `prepare`. They are programs of their own, not forks: a script that uses
    polyrec needs no main guard, and threads of the run can't be caught holding a lock.

    >>> from polyrec.types import Problem
    >>> with Sandbox(Limits()) as sandbox:
    ...     sandbox.prepare("polyrec.media.probe:Probe", {"kind": "text"}, "words").size
    0
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._told = limits.model_dump(mode="json")
        self._idle: SimpleQueue[_Decoder] = SimpleQueue()
        self._all: set[_Decoder] = set()

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
        for decoder in list(self._all):
            decoder.stop()

    def prepare(self, address: str, settings: Mapping[str, Any], raw: Raw) -> Floats:
        """Return what `prepare(raw, limits)` of the part at "module:Class" makes of a content.

        A content that can't be read, takes too long or ends the decoder raises `MediaError`; a part
        that can't be made in a fresh process raises `FitError`.
        """
        content, payload = wire.pack_raw(raw)
        question = {"address": address, "settings": settings, "limits": self._told, **content}
        try:
            answer, made = self._ask(question, payload)
        except _Died:
            answer, made = self._last_try(question, payload)
        if "fault" in answer:
            remedy = "an encoder has to lie in a module that can be imported"
            raise FitError(
                "this part can't be made in a process of its own",
                received=answer["fault"],
                remedy=remedy,
            )
        if "status" in answer:
            raise MediaError(answer["reason"], status=answer["status"])
        return wire.unpack_array(answer, made)

    def _last_try(
        self, question: dict[str, Any], payload: bytes
    ) -> tuple[dict[str, Any], bytearray]:
        """Ask again: what ended the decoder may have been the machine, not the content."""
        try:
            return self._ask(question, payload)
        except _Died as error:
            raise MediaError("the decoder died", received=str(error)) from None

    def _ask(self, question: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytearray]:
        decoder = self._take()
        try:
            answer = decoder.ask(question, payload)
        except (EOFError, OSError):
            self._all.discard(decoder)
            code = decoder.stop()
        else:
            self._idle.put(decoder)
            return answer
        if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
            told = f"{self.limits.timeout_s:g} s"
            remedy = "raise media.timeout_s if it is whole"
            raise MediaError(
                "decoding took too long", received=told, remedy=remedy, status="timed out"
            )
        raise _Died(signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def _take(self) -> _Decoder:
        try:
            return self._idle.get_nowait()
        except Empty:
            decoder = _Decoder(self.limits.memory_mb)
            self._all.add(decoder)
            return decoder


class _Decoder:
    """One process and its two pipes."""

    def __init__(self, memory_mb: int) -> None:
        alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "polyrec.compute.decoder", str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **alone},
            bufsize=0,
            pipesize=_PIPE,
        )

    def ask(self, question: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytearray]:
        wire.send(cast("Any", self._process.stdin), question, payload)
        return wire.receive(cast("Any", self._process.stdout))

    def stop(self) -> int:
        """End the process and return its exit code as it was, or as this made it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            return self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _Died(Exception):  # noqa: N818 - never leaves this file
    """A decoder ended without an answer."""
