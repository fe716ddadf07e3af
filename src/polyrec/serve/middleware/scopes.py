"""The scope that a request needs, from its method, decoded path and parsed query.

recommend   lists of items: for one user or session, latest, popular, similar
read        everything else that changes nothing
write       records, feedback, media; lists that are written back
admin       models, keys, bulk transfers
any         the MCP endpoint: each tool needs the scope of its route
"""

from __future__ import annotations

import re

from polyrec.serve.middleware.query import QueryParams, write_back_type

READ_METHODS = ("GET", "HEAD")
_ADMIN = re.compile(r"/api/(model|keys|bulk|dump|restore|purge)(/|$)")
_LISTS = re.compile(
    r"/api/(recommend/.|collaborative-filtering/|intermediate/recommend/|latest|popular"
    r"|non-personalized/|item/[^/]+/neighbors|item-to-item/|session/recommend)"
)
_READING_POSTS = re.compile(r"/api/(session/recommend|recommend|search|chat)(/|$)")


def required_scope(method: str, path: str, params: QueryParams) -> str:
    """Return the scope that a request needs.

    >>> required_scope("POST", "/api/feedback", {}), required_scope("POST", "/api/search", {})
    ('write', 'read')
    >>> required_scope("GET", "/api/recommend/u", {"write-back-type": ["read"]})
    'write'
    """
    reads = method in READ_METHODS
    if path == "/mcp":
        return "any"
    if _ADMIN.match(path):
        return "read" if reads and path == "/api/model" else "admin"
    if reads and write_back_type(params):
        return "write"
    if reads or (method == "POST" and _READING_POSTS.match(path)):
        return "recommend" if _LISTS.match(path) else "read"
    return "write"
