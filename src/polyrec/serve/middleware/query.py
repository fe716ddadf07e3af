"""The query string of a request, parsed once.

Scopes and routes read the same parsed parameters, so that no spelling of a parameter is seen by one
and missed by the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.types import Scope

QueryParams = Mapping[str, Sequence[str]]

_KEY = "polyrec.query"
_MAX_PARAMS = 1_000


def set_query(scope: Scope) -> None:
    """Parse the query string of a request into its scope; raise `ValueError` for an invalid one."""
    query = scope["query_string"]
    scope[_KEY] = _parse_query(query) if query else {}


def query_params(scope: Scope) -> QueryParams:
    """Return the parameters that `set_query` parsed."""
    params: QueryParams = scope[_KEY]
    return params


def last_value(params: QueryParams, name: str) -> str:
    """Return the last value of a parameter, "" without one."""
    return params.get(name, ("",))[-1]


def write_back_type(params: QueryParams) -> str:
    """Return the feedback type that a list is written back with, "" if it is not.

    >>> write_back_type(_parse_query(b"n=3&write%2Dback-type=read"))
    'read'
    """
    return last_value(params, "write-back-type")


def _parse_query(query: bytes) -> QueryParams:
    return parse_qs(
        query.decode("ascii"),
        keep_blank_values=True,
        errors="strict",
        max_num_fields=_MAX_PARAMS,
    )
