"""What is asked of a list: parameters read by hand, where FastAPI's way costs more than the list.

Validating the seven parameters of Gorse's route one by one took FastAPI as long as ranking 10,000
items (decision 21). `parameters` tells the OpenAPI document of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from polyrec.serve.api.schemas import check_id, id_of_path
from polyrec.serve.api.timestamps import read_duration
from polyrec.serve.responses import refuse
from polyrec.serve.settings import Settings
from polyrec.serve.state.live_catalog import NO_FILTERS, Filters

_FARTHEST = 1_000_000  # offset
_CATEGORIES = 100


@dataclass(frozen=True)
class Asked:
    """The parameters of a list for a user."""

    n: int
    offset: int = 0
    filters: Filters = NO_FILTERS
    write_back: str = ""  # a feedback type
    delay: int = 0  # microseconds
    scored: bool = False

    @classmethod
    def of(cls, request: Request, settings: Settings, *, category: str = "") -> Asked:
        """Return what a request asks, or refuse it."""
        scored = request.headers.get("x-api-version") == "2"
        query = request.scope["query_string"]
        if not query and not category:
            return cls(settings.default_n, scored=scored)
        given = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=1_000)
        categories = tuple(filter(None, [category, *given.get("category", ())]))
        if len(categories) > _CATEGORIES:
            remedy = f"name at most {_CATEGORIES}"
            raise refuse(400, "too many categories", received=len(categories), remedy=remedy)
        return cls(
            _number(given, "n", settings.default_n, settings.max_n),
            _number(given, "offset", 0, _FARTHEST),
            Filters(categories) if categories else NO_FILTERS,
            _kind(given),
            _delay(given),
            scored,
        )


def _number(given: dict[str, list[str]], name: str, fallback: int, most: int) -> int:
    text = given.get(name, [""])[-1]
    if text == "":
        return fallback
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) > most:
        remedy = f"send a whole number from 0 to {most:,}; go on with offset"
        raise refuse(400, f"query.{name} does not fit", received=text, remedy=remedy)
    return int(text)


def _kind(given: dict[str, list[str]]) -> str:
    text = given.get("write-back-type", [""])[-1]
    try:
        return check_id(text) if text else ""
    except ValueError as error:
        what = "query.write-back-type does not fit"
        raise refuse(400, what, received=text, remedy=str(error)) from None


def _delay(given: dict[str, list[str]]) -> int:
    text = given.get("write-back-delay", [""])[-1]
    try:
        return read_duration(text)
    except ValueError as error:
        what = "query.write-back-delay does not fit"
        raise refuse(400, what, received=text, remedy=str(error)) from None


def path_id(request: Request, name: str) -> str:
    """Return an id of the path, or refuse what no id may be."""
    text: str = request.path_params[name]
    try:
        return id_of_path(text)
    except ValueError as error:
        what = f"path.{name} does not fit"
        raise refuse(400, what, received=text, remedy=str(error)) from None


def parameters(*path: str) -> dict[str, Any]:
    """Return what the OpenAPI document says of a list's parameters, these being in its path."""
    return {"parameters": [*(_in_path(name) for name in path), *_QUERY]}


def _in_path(name: str) -> Any:
    schema = {"type": "string", "minLength": 1, "maxLength": 256}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(name: str, schema: dict[str, Any], told: str, *, place: str = "query") -> Any:
    return {"name": name, "in": place, "required": False, "schema": schema, "description": told}


_TEXT = {"type": "string", "maxLength": 256}
_QUERY = [
    _parameter("n", {"type": "integer", "minimum": 0, "default": 10}, "How many items."),
    _parameter(
        "offset", {"type": "integer", "minimum": 0, "maximum": _FARTHEST}, "How many to skip."
    ),
    _parameter("category", {"type": "array", "items": _TEXT}, "In all of which an item has to be."),
    _parameter(
        "write-back-type", _TEXT, "Insert feedback of this type for every item of the list."
    ),
    _parameter(
        "write-back-delay",
        {"type": "string", "examples": ["10m", "1h30m"]},
        "How much later that feedback counts.",
    ),
    _parameter("X-API-Version", _TEXT, "2: ids with scores, else ids alone.", place="header"),
]
