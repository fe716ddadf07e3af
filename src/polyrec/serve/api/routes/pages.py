"""How long a list or page is."""

from __future__ import annotations

from polyrec.serve.responses import refuse
from polyrec.serve.service import Service


def page_size(service: Service, n: int | None) -> int:
    """Return what was asked for, else the default; refuse more than the service gives at once."""
    if n is None:
        return service.settings.default_n
    most = service.settings.max_n
    if n > most:
        remedy = f"ask for at most {most:,}, and go on with cursor or offset"
        raise refuse(400, "query.n is too large", received=n, remedy=remedy)
    return n
