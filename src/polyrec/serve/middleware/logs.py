"""Logs on standard error, those of libraries included: for people on a terminal, else as JSON."""

from __future__ import annotations

import logging
import sys

import orjson
import structlog
from structlog.typing import EventDict, Processor


def configure_logging(level: str = "info") -> None:
    """Send the logs of this process to standard error.

    On a terminal a line has the time, the level and the text; elsewhere it is a JSON object. The
    service logs through the standard library; `extra` becomes fields of the line.
    """
    processors: list[Processor] = [
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]
    if sys.stderr.isatty():
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        renderer: Processor = _to_line
    else:
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        renderer = structlog.processors.JSONRenderer(serializer=_to_json)
    processors += [stamp, structlog.processors.format_exc_info]
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


def _without_colours(_logger: object, _method: str, fields: EventDict) -> EventDict:
    """Drop the copy of a message with colour codes that uvicorn adds."""
    fields.pop("color_message", None)
    return fields


def _to_line(_logger: object, _method: str, fields: EventDict) -> str:
    """Return a line for people; a request is its method, route, status and time."""
    stamp, level = fields.pop("timestamp"), fields.pop("level")
    text, name = fields.pop("event"), fields.pop("logger", "")
    trace = fields.pop("exception", "")
    if name == "polyrec.request":
        text = "{method} {route} {status} {ms:g} ms".format_map(fields)
        fields = {"key": fields["key"]} if fields.get("key") else {}
    rest = "".join(f" {key}={value}" for key, value in fields.items() if value is not None)
    return f"{stamp} {level:7} {text}{rest}" + (f"\n{trace}" if trace else "")


def _to_json(fields: object, **_: object) -> str:
    return orjson.dumps(fields, default=str).decode()
