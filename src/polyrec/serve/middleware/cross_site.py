"""Whether a browser sent a request on behalf of another site.

Browsers state it in `Sec-Fetch-Site`, which no page can set; older ones in `Origin` or `Referer`.
Other clients send none of these. A page of the same site but of another port counts as another
site: on a developer's machine every port is somebody else's program.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

Headers = Sequence[tuple[bytes, bytes]]

_OWN = ("same-origin", "none")  # none: typed, or opened from a bookmark
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_cross_site(headers: Headers, allowed_origins: Collection[str]) -> bool:
    """Return whether another site than `allowed_origins` and our own caused a request.

    >>> is_cross_site([(b"host", b"localhost:8087"), (b"origin", b"https://evil.example")], ())
    True
    """
    values = {name: value.decode("latin-1") for name, value in headers}
    origin = values.get(b"origin", "")
    if origin and origin in allowed_origins:
        return False
    if b"sec-fetch-site" in values:
        return values[b"sec-fetch-site"] not in _OWN
    source = origin or values.get(b"referer", "")
    return bool(source) and not _is_host(source, values.get(b"host", ""))


def _is_host(url: str, host: str) -> bool:
    """Return whether a URL names a host, as a Host header gives it."""
    try:
        source, own = urlsplit(url), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(source.scheme)
        same_port = (source.port or default) == (own.port or default)
    except ValueError:  # a malformed port
        return False
    return bool(source.hostname) and source.hostname == own.hostname and same_port
