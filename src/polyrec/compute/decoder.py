"""A process that decodes: `python -m polyrec.compute.decoder`, started by `compute.sandbox`.

It reads one content after the other from standard input. The kernel ends it when one takes too
long or too much memory; the run that started it goes on with a fresh one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import lru_cache
from typing import Any, BinaryIO

from polyrec.compute import wire
from polyrec.config import Limits
from polyrec.errors import MediaError, PolyrecError
from polyrec.registry import load_object


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end."""
    while True:
        try:
            told, payload = wire.receive(questions)
        except EOFError:
            return
        limits = Limits(**told["limits"])
        _alarm(limits.timeout_s)
        answer, made = _answer(told, payload, limits)
        _alarm(0)
        wire.send(answers, answer, made)


def _answer(
    told: dict[str, Any], payload: bytearray, limits: Limits
) -> tuple[dict[str, Any], bytes | memoryview]:
    try:
        part = _part(told["address"], json.dumps(told["settings"], sort_keys=True))
    except (PolyrecError, ImportError, AttributeError, TypeError) as error:
        return {"fault": f"{type(error).__name__}: {error}"}, b""
    try:
        return wire.pack_array(part.prepare(wire.unpack_raw(told, payload), limits))
    except MediaError as error:
        return {"status": error.status, "reason": str(error)}, b""
    except MemoryError:
        return {"status": "too large", "reason": "it takes too much memory to decode"}, b""
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises is about this content
        reason = f"the decoder failed: {type(error).__name__}: {error}"[:200]
        return {"status": "damaged", "reason": reason}, b""


@lru_cache(maxsize=8)
def _part(address: str, settings: str) -> Any:
    return load_object(address)(**json.loads(settings))


def _alarm(seconds: float) -> None:
    """Have the kernel end this process after `seconds`, even inside a decoder; 0 calls it off."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _bound_memory(megabytes: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))


def main() -> None:
    """Serve standard input; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb", buffering=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run that started it decides
    _bound_memory(int(sys.argv[1]))
    serve(questions, answers)


if __name__ == "__main__":
    main()
