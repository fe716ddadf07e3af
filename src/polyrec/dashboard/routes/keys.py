"""Keys: made, listed and revoked by those who may."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from polyrec.dashboard.page import page
from polyrec.dashboard.session_user import Admin, AdminForm
from polyrec.database import keys
from polyrec.errors import ConfigError
from polyrec.serve.responses import refuse
from polyrec.serve.service import CurrentService

router = APIRouter()


@router.get("/keys")
async def listed(request: Request, service: CurrentService, visitor: Admin) -> Response:
    """List all keys."""
    found = await service.read(keys.all_keys)
    return page(request, service, visitor, "keys", _told(found))


@router.post("/keys")
async def create(
    request: Request,
    service: CurrentService,
    visitor: AdminForm,
    name: Annotated[str, Form(max_length=100)] = "",
    scope: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a key and show it, this once."""
    try:
        _, text = await service.write(lambda c: keys.create_key(c, name, scope or []))
    except ConfigError as error:
        raise refuse(400, error.what, received=error.received, remedy=error.remedy) from None
    found = await service.read(keys.all_keys)
    return page(request, service, visitor, "keys", _told(found, made=text))


@router.post("/keys/revoke")
async def revoke(
    service: CurrentService,
    visitor: AdminForm,  # noqa: ARG001 - checks who sends it
    id: Annotated[str, Form(max_length=32)],
) -> Response:
    """Revoke a key."""
    await service.write(lambda c: keys.revoke_key(c, id))
    return RedirectResponse("/dashboard/keys", 303)


def _told(found: list[keys.ApiKey], *, made: str = "") -> dict[str, Any]:
    return {"keys": found, "scopes": keys.SCOPES, "made": made}
