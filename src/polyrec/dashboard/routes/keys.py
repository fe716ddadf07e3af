"""API keys: create, list, revoke."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import AfterValidator

from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import AdminForm, AdminUser, FormText
from polyrec.database import keys
from polyrec.errors import ConfigError
from polyrec.serve.api.schemas import check_text
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService

router = APIRouter()


@router.get("/keys")
async def list_keys(request: Request, service: CurrentService, user: AdminUser) -> Response:
    """List all keys."""
    rows = await service.read(keys.all_keys)
    return render_page(request, service, user, "keys", _values(rows))


@router.post("/keys")
async def create(
    request: Request,
    service: CurrentService,
    user: AdminForm,
    name: Annotated[str, Form(max_length=100), AfterValidator(check_text)] = "",
    scope: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Create a key and show it once."""
    try:
        _, text = await service.write(lambda c: keys.create_key(c, name, scope or []))
    except ConfigError as error:
        raise http_error(400, error.what, received=error.received, remedy=error.remedy) from None
    rows = await service.read(keys.all_keys)
    return render_page(request, service, user, "keys", _values(rows, new_key=text))


@router.post("/keys/revoke")
async def revoke(
    service: CurrentService,
    user: AdminForm,  # noqa: ARG001 - the permission check
    id: FormText,
) -> Response:
    """Revoke a key."""
    await service.write(lambda c: keys.revoke_key(c, id))
    return RedirectResponse("/dashboard/keys", 303)


def _values(rows: list[keys.ApiKey], *, new_key: str = "") -> dict[str, Any]:
    return {"keys": rows, "scopes": keys.SCOPES, "new_key": new_key}
