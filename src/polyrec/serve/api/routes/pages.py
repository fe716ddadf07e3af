"""The size of a list or page."""

from __future__ import annotations

from polyrec.serve.responses import http_error
from polyrec.serve.service import Service


def page_size(service: Service, n: int | None) -> int:
    """Return the requested size, else the default; raise 400 above the maximum."""
    if n is None:
        return service.settings.default_n
    maximum = service.settings.max_n
    if n > maximum:
        remedy = f"request at most {maximum:,}; continue with cursor or offset"
        raise http_error(400, "query.n is too large", received=n, remedy=remedy)
    return n
