"""Logs on standard error, those of libraries included: for people on a terminal, else as JSON."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

# what every record has; uvicorn adds a copy of its messages with colour codes
_COMMON = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}


def configure_logging(level: str = "info") -> None:
    """Send the logs of this process to standard error.

    On a terminal a line has the time, the level and the text; elsewhere it is a JSON object. The
    service logs through the standard library; `extra` becomes fields of the line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter() if sys.stderr.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


class JsonFormatter(logging.Formatter):
    """Makes a JSON object of a record: every request logs one.

    >>> record = logging.makeLogRecord({"msg": "request", "levelname": "INFO", "status": 200})
    >>> JsonFormatter().format(record)[:48]
    '{"event":"request","status":200,"level":"info","'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = {
            "event": record.getMessage(),
            **_extra_fields(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z).decode()


class LineFormatter(logging.Formatter):
    """Makes a line for people of a record; a request is its method, route, status and time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and a traceback below it."""
        text, fields = record.getMessage(), _extra_fields(record)
        if record.name == "polyrec.request":
            text = "{method} {route} {status} {ms:g} ms".format_map(fields)
            fields = {"key": fields["key"]} if fields.get("key") else {}
        rest = "".join(f" {key}={value}" for key, value in fields.items() if value is not None)
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        stamp = self.formatTime(record, "%H:%M:%S")
        return f"{stamp} {record.levelname.lower():7} {text}{rest}{trace}"


def _extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _COMMON}
