"""Templates, and the headers that every page has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from polyrec.dashboard.session import give_cookie
from polyrec.dashboard.session_user import Visitor
from polyrec.serve.service import Service

_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_TABS = (
    ("", "Overview"),
    ("items", "Catalogue"),
    ("users", "Users"),
    ("search", "Search"),
    ("events", "Events"),
    ("reports", "Reports"),
    ("keys", "Keys"),
)


def moment(microseconds: int) -> str:
    """Return a time of the database as people write it, in UTC.

    >>> moment(0)
    '1970-01-01 00:00:00'
    """
    try:
        return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "?"


def ago(seconds: float) -> str:
    """Return a span of time in its largest unit.

    >>> ago(7300)
    '2 h'
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


_PAGES = Environment(
    loader=PackageLoader("polyrec.dashboard"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {"moment": moment, "ago": ago, "quoted": lambda text: quote(text, safe="")}


def page(
    request: Request,
    service: Service,
    visitor: Visitor,
    template: str,
    told: Mapping[str, Any],
    *,
    status: int = 200,
) -> HTMLResponse:
    """Return a page, escaped, never kept by a cache; a new visitor gets a cookie."""
    secret = service.database.secret
    path = request.url.path.removeprefix("/dashboard").strip("/").partition("/")[0]
    text = _PAGES.get_template(f"{template}.html.j2").render(
        tabs=_TABS,
        here=path,
        visitor=visitor,
        token=visitor.session.token(secret),
        model=service.live.model,
        **told,
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    answer = HTMLResponse(text, status, headers)
    if visitor.fresh:
        give_cookie(answer, request, visitor.session, secret)
    return answer
