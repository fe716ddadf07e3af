"""Parameters of a user's list, parsed by hand: FastAPI's validation would cost as much as ranking.

Validating the seven parameters of Gorse's route one by one took FastAPI as long as ranking 10,000
items (decision 21). `list_parameters` describes them in the OpenAPI document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from polyrec.index.filters import NO_FILTERS, Filters
from polyrec.serve.api.page_params import IN_CATEGORIES, MAX_CATEGORIES, category_filters
from polyrec.serve.api.schemas import (
    ID_SCHEMA,
    MAX_OFFSET,
    check_id,
    check_optional_id,
    decode_path_id,
)
from polyrec.serve.api.seen_params import HIDE_SEEN, HIDING_KINDS, seen_rule
from polyrec.serve.api.timestamps import parse_duration
from polyrec.serve.middleware.query import (
    QueryParams,
    last_value,
    query_params,
    write_back_type,
)
from polyrec.serve.responses import http_error
from polyrec.serve.settings import Settings
from polyrec.serve.state.history import SeenRule

RERANK = "Order the page by the service's language model; X-Recommend-Reranked is the outcome."
_BOOLEANS = {"": None, "true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class ListParams:
    """The parameters of a list for a user."""

    n: int
    offset: int = 0
    filters: Filters = NO_FILTERS
    write_back: str = ""  # a feedback type
    delay: int = 0  # microseconds
    scored: bool = False
    seen: SeenRule = field(default_factory=SeenRule)
    rerank: bool = False  # by the language model

    @classmethod
    def from_request(
        cls, request: Request, settings: Settings, *, category: str = ""
    ) -> ListParams:
        """Return the parameters of a request; raise 400 for invalid ones."""
        scored = request.headers.get("x-api-version") == "2"
        params = query_params(request.scope)
        if not params and not category:
            return cls(settings.default_n, scored=scored, seen=seen_rule(settings))
        categories = params.get("category", ())
        if len(categories) > MAX_CATEGORIES:
            remedy = f"send at most {MAX_CATEGORIES}"
            raise http_error(400, "too many categories", received=len(categories), remedy=remedy)
        return cls(
            _parse_int(params, "n", settings.default_n, settings.max_n),
            _parse_int(params, "offset", 0, MAX_OFFSET),
            category_filters((category, *categories)),
            _parse_write_back(params),
            _parse_delay(params),
            scored,
            _parse_seen(params, settings),
            bool(_parse_boolean(params, "rerank")),
        )


def _parse_int(params: QueryParams, name: str, default: int, maximum: int) -> int:
    text = last_value(params, name)
    if text == "":
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) > maximum:
        remedy = f"send an integer from 0 to {maximum:,}; use offset for later items"
        raise http_error(400, f"query.{name} is invalid", received=text, remedy=remedy)
    return int(text)


def _parse_write_back(params: QueryParams) -> str:
    text = write_back_type(params)
    try:
        return check_optional_id(text)
    except ValueError as error:
        raise _invalid("query.write-back-type", text, error) from None


def _parse_delay(params: QueryParams) -> int:
    text = last_value(params, "write-back-delay")
    try:
        return parse_duration(text)
    except ValueError as error:
        raise _invalid("query.write-back-delay", text, error) from None


def _parse_boolean(params: QueryParams, name: str) -> bool | None:
    text = last_value(params, name).lower()
    if text not in _BOOLEANS:
        raise _invalid(f"query.{name}", text, ValueError("send true or false"))
    return _BOOLEANS[text]


def _parse_seen(params: QueryParams, settings: Settings) -> SeenRule:
    kinds = list(params.get("hiding-kind", ()))
    for kind in kinds:
        try:
            check_id(kind)
        except ValueError as error:
            raise _invalid("query.hiding-kind", kind, error) from None
    return seen_rule(settings, hide=_parse_boolean(params, "hide-seen"), kinds=kinds or None)


def path_id(request: Request, name: str) -> str:
    """Return an id from the path; raise 400 for one that is invalid."""
    text: str = request.path_params[name]
    try:
        return decode_path_id(text)
    except ValueError as error:
        raise _invalid(f"path.{name}", text, error) from None


def _invalid(field: str, text: str, error: ValueError) -> Exception:
    return http_error(400, f"{field} is invalid", received=text, remedy=str(error))


def list_parameters(path: str) -> dict[str, Any]:
    """Return the parameters of a list for OpenAPI, those in its path too."""
    return {"parameters": [*map(_path_parameter, re.findall(r"{(\w+)}", path)), *_QUERY]}


def _path_parameter(name: str) -> Any:
    return {"name": name, "in": "path", "required": True, "schema": ID_SCHEMA}


def _parameter(
    name: str, schema: dict[str, Any], description: str, *, location: str = "query"
) -> Any:
    return {"name": name, "in": location, "required": False, "schema": schema,
            "description": description}  # fmt: skip


_TEXT = {"type": "string", "maxLength": 256}
_QUERY = [
    _parameter("n", {"type": "integer", "minimum": 0, "default": 10}, "Number of items."),
    _parameter(
        "offset",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
        "Number of items to skip.",
    ),
    _parameter("category", {"type": "array", "items": _TEXT}, IN_CATEGORIES),
    _parameter(
        "write-back-type", _TEXT, "Insert feedback of this type for every item of the list."
    ),
    _parameter(
        "write-back-delay",
        {"type": "string", "examples": ["10m", "1h30m"]},
        "Delay until that feedback counts.",
    ),
    _parameter("hide-seen", {"type": "boolean"}, HIDE_SEEN),
    _parameter("hiding-kind", {"type": "array", "items": _TEXT}, HIDING_KINDS),
    _parameter("rerank", {"type": "boolean"}, RERANK),
    _parameter(
        "X-API-Version", _TEXT, "2: ids with scores; otherwise ids only.", location="header"
    ),
]
