"""Logs as JSON lines on standard error, those of libraries included."""

from __future__ import annotations

import logging
import sys

import orjson
import structlog
from structlog.typing import Processor


def configure_logging(level: str = "info") -> None:
    """Send the logs of this process to standard error, one JSON object per line.

    The service logs through the standard library; `extra` becomes fields of the line.
    """
    processors: list[Processor] = [
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer(serializer=_to_json)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def _to_json(fields: object, **_: object) -> str:
    return orjson.dumps(fields, default=str).decode()
