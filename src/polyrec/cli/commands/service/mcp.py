"""polyrec mcp."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from polyrec.cli.app import app
from polyrec.cli.commands.service.serve import require_mcp_extra

Address = Annotated[str, typer.Argument(help="A service that was started with --mcp.")]


@app.command()
def mcp(address: Address = "http://127.0.0.1:8087") -> None:
    """Offer a service's tools to an assistant over stdin and stdout (MCP).

    Its API key is read from the environment variable POLYREC_KEY.
    """
    require_mcp_extra()
    from polyrec.serve.api.mcp.bridge import serve_stdio

    asyncio.run(serve_stdio(address, os.environ.get("POLYREC_KEY", "")))
