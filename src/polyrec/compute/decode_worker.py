"""A decoding process: `python -m polyrec.compute.decode_worker`, started by `compute.sandbox`.

It prepares one content after the other from standard input. The kernel ends it when one takes too
long or too much memory; the run that started it continues with a new one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import lru_cache
from typing import Any, BinaryIO

from polyrec.compute import messages
from polyrec.config import Limits
from polyrec.errors import MediaError, PolyrecError
from polyrec.registry import load_object


def answer_requests(requests: BinaryIO, responses: BinaryIO) -> None:
    """Answer requests until their pipe is closed."""
    while True:
        try:
            header, payload = messages.read_message(requests)
        except EOFError:
            return
        limits = Limits(**header["limits"])
        _set_timer(limits.timeout_s)
        response, array = _respond(header, payload, limits)
        _set_timer(0)
        messages.write_message(responses, response, array)


def _respond(
    header: dict[str, Any], payload: bytearray, limits: Limits
) -> tuple[dict[str, Any], bytes | memoryview]:
    try:
        preparer = _preparer(header["address"], json.dumps(header["settings"], sort_keys=True))
    except (PolyrecError, ImportError, AttributeError, TypeError) as error:
        return {"fault": f"{type(error).__name__}: {error}"}, b""
    try:
        content = messages.unpack_content(header, payload)
        return messages.pack_array(preparer.prepare(content, limits))
    except MediaError as error:
        return {"status": error.status, "reason": str(error)}, b""
    except MemoryError:
        return {"status": "too large", "reason": "decoding takes too much memory"}, b""
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises is about this content
        reason = f"the decoder failed: {type(error).__name__}: {error}"[:200]
        return {"status": "damaged", "reason": reason}, b""


@lru_cache(maxsize=8)
def _preparer(address: str, settings: str) -> Any:
    return load_object(address)(**json.loads(settings))


def _set_timer(seconds: float) -> None:
    """Have the kernel end this process after `seconds`, even inside a decoder; 0 cancels it."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory(megabytes: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))


def run_worker() -> None:
    """Answer requests on standard input; what libraries print goes to standard error."""
    responses = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run that started it handles Ctrl-C
    _limit_memory(int(sys.argv[1]))
    answer_requests(requests, responses)


if __name__ == "__main__":
    run_worker()
