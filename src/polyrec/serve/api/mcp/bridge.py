"""An MCP server on stdin and stdout for a service elsewhere: calls go to its POST /mcp."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, stdio_server, types
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server, ServerRequestContext

from polyrec import __version__
from polyrec.errors import PolyrecError

_TIMEOUT_S = 60.0


async def serve_stdio(address: str, key: str) -> None:
    """Pass calls from stdin on to a service until stdin ends; raise `PolyrecError` at the start."""
    async with _connected(address, key) as remote:
        server = _relay(remote)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


@asynccontextmanager
async def _connected(address: str, key: str) -> AsyncIterator[Client]:
    url = f"{address.rstrip('/')}/mcp"
    headers = {"X-API-Key": key} if key else {}
    async with httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT_S) as http:
        await _check(http, url)
        async with Client(streamable_http_client(url, http_client=http)) as remote:
            yield remote


async def _check(http: httpx2.AsyncClient, url: str) -> None:
    """Raise `PolyrecError` unless the service answers a ping."""
    ping = {"jsonrpc": "2.0", "id": 0, "method": "ping"}
    try:
        response = await http.post(url, json=ping, headers={"Accept": "application/json"})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        remedy = "start it with polyrec serve --mcp, and name its address"
        raise PolyrecError("the service does not answer", received=url, remedy=remedy) from error
    if response.status_code == 404:
        raise PolyrecError("this service has no MCP endpoint", received=url,
                           remedy="start it with polyrec serve --mcp")  # fmt: skip
    if response.status_code != 200:
        raise PolyrecError("the service refuses MCP requests", received=response.text[:500],
                           remedy="set POLYREC_KEY to a key of the service")  # fmt: skip


def _relay(remote: Client) -> Server[Any]:
    """Return a server with the tools of another one."""

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Return the tools of the service."""
        return await remote.list_tools()

    async def call_tool(
        _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Return the result of the service."""
        return await remote.call_tool(params.name, params.arguments)

    return Server(
        "polyrec", version=__version__, instructions=remote.instructions,
        on_list_tools=list_tools, on_call_tool=call_tool,
    )  # fmt: skip
