"""Render the templates, with the headers of every page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from polyrec.dashboard.session import set_session_cookie
from polyrec.dashboard.session_user import SessionUser
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
    ("chat", "Chat"),
    ("events", "Events"),
    ("reports", "Reports"),
    ("keys", "Keys"),
)


def format_time(microseconds: int) -> str:
    """Return a timestamp as date and time in UTC, "?" outside the calendar.

    >>> format_time(0)
    '1970-01-01 00:00:00'
    """
    try:
        return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "?"


def format_age(seconds: float) -> str:
    """Return a duration in its largest unit.

    >>> format_age(7300)
    '2 h'
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


_TEMPLATES = Environment(
    loader=PackageLoader("polyrec.dashboard"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "time": format_time,
    "age": format_age,
    "quoted": lambda text: quote(text, safe=""),
}


def render_page(
    request: Request,
    service: Service,
    user: SessionUser,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
) -> HTMLResponse:
    """Return a page, escaped and uncached; a new session gets its cookie."""
    secret = service.database.secret
    path = request.url.path.removeprefix("/dashboard").strip("/").partition("/")[0]
    text = _TEMPLATES.get_template(f"{template}.html.j2").render(
        tabs=_TABS,
        current_tab=path,
        session_user=user,
        token=user.session.token(secret),
        model=service.live.model,
        **values,
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    response = HTMLResponse(text, status, headers)
    if user.fresh:
        set_session_cookie(response, request, user.session, secret)
    return response
