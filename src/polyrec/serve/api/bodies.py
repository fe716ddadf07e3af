"""JSON bodies: parsed and validated in a thread, in bounded memory.

FastAPI parses and validates a body on the event loop: 100,000 events would stop every other request
for seconds. Here a large body waits for its turn, is parsed row by row, and each row becomes a
compact record before the next one is parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from polyrec.serve.responses import http_error
from polyrec.serve.service import Service

Body = TypeVar("Body", bound=BaseModel)
Row = TypeVar("Row")
Result = TypeVar("Result")

MAX_ROWS = 100_000
_MAX_VALUES = 1_000_000  # of a body: an empty list takes 3 bytes to send and 64 to hold
_SMALL = 32_768  # bytes that are parsed on the event loop
_SPACE = re.compile(r"[ \t\n\r]*")
_MODELS: dict[str, type[BaseModel]] = {}  # those of bodies, for OpenAPI


def json_body(model: type[BaseModel], *, rows: int = 0) -> dict[str, Any]:
    """Return the OpenAPI description of a body: a model, or up to `rows` of them."""
    _MODELS[model.__name__] = model
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{model.__name__}"}
    if rows:
        schema = {"type": "array", "items": schema, "maxItems": rows}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def body_schemas() -> dict[str, Any]:
    """Return the schemas that `json_body` refers to."""
    models = [(model, "validation") for model in _MODELS.values()]
    template = "#/components/schemas/{model}"
    schemas = models_json_schema(models, ref_template=template)[1]  # type: ignore[arg-type]
    return dict(schemas.get("$defs", {}))


async def read_body(request: Request, service: Service, model: type[Body]) -> Body:
    """Return the body of a request; raise 400 for an invalid one."""
    return await _parse(request, service, partial(_parse_model, model))


async def read_rows(
    request: Request,
    service: Service,
    model: type[Body],
    convert: Callable[[Body], Row],
    *,
    rows: int = MAX_ROWS,
) -> list[Row]:
    """Return the rows of a body, each validated and converted; raise 400 for an invalid one."""
    return await _parse(request, service, partial(_parse_rows, model, convert, rows))


async def _parse(request: Request, service: Service, parse: Callable[[str], Result]) -> Result:
    _check_media_type(request)
    chunks = [chunk async for chunk in request.stream()]

    def run() -> Result:
        body = b"".join(chunks)
        chunks.clear()  # memory is bounded: the bytes go before the values come
        text = _decode(body)
        del body
        try:
            return parse(text)
        except json.JSONDecodeError as error:
            raise RequestValidationError([_json_error(error.msg)]) from None
        except RecursionError:
            raise RequestValidationError([_json_error("nested too deeply")]) from None
        except ValueError as error:  # an integer with thousands of digits
            raise RequestValidationError([_json_error(str(error))]) from None

    if sum(map(len, chunks)) <= _SMALL:
        return run()
    return await service.compute_limit.run(run)


def _check_media_type(request: Request) -> None:
    """Refuse other types: pages of other sites may send those without asking."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json" and not (
        sent.startswith("application/") and sent[-5:] == "+json"
    ):
        remedy = "send Content-Type: application/json"
        raise http_error(400, "the body is not JSON", received=sent or None, remedy=remedy)


def _decode(body: bytes) -> str:
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",)}])
    values = sum(map(body.count, (b",", b"[", b"{")))
    if values > _MAX_VALUES:
        remedy = f"send at most {_MAX_VALUES:,} values at once"
        raise http_error(413, "the body has too many values", received=f"{values:,}", remedy=remedy)
    try:
        return body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        raise http_error(400, "the body can't be read", remedy="send UTF-8 JSON") from None


def _parse_model(model: type[Body], text: str) -> Body:
    return _validate(model, json.loads(text), ())


def _parse_rows(
    model: type[Body], convert: Callable[[Body], Row], limit: int, text: str
) -> list[Row]:
    rows: list[Row] = []
    for number, value in enumerate(_array(text)):
        if number == limit:
            raise _invalid(("body",), f"send at most {limit:,} rows at once", "more rows")
        rows.append(convert(_validate(model, value, (number,))))
    return rows


def _array(text: str) -> Iterator[Any]:
    """Yield the elements of a JSON array one by one."""
    decode = json.JSONDecoder().raw_decode
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        raise _invalid(("body",), "send a list", json.loads(text))
    at = _after_space(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        value, at = decode(text, at)
        yield value
        at = _after_space(text, at)
        more = text[at : at + 1] == ","
        if more:
            at = _after_space(text, at + 1)
    if text[at : at + 1] != "]":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if _after_space(text, at + 1) != len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _validate(model: type[Body], value: Any, location: tuple[int, ...]) -> Body:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = ("body", *location, *first["loc"])
        raise RequestValidationError([{**first, "loc": loc}]) from None


def _invalid(loc: tuple[str, ...], message: str, received: object) -> RequestValidationError:
    return RequestValidationError([{"type": "list", "loc": loc, "msg": message, "input": received}])


def _json_error(message: str) -> dict[str, Any]:
    return {"type": "json_invalid", "loc": ("body",), "ctx": {"error": message}}
