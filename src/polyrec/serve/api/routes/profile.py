"""What is known of a person's taste, and what they state themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

from polyrec.database import records
from polyrec.index.tastes import TasteEdits, with_edits, without_last
from polyrec.serve.api.schemas import PathId, RowAffected, TasteBody, schema_example, taste_out
from polyrec.serve.responses import json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["users"])


class TraitBody(BaseModel):
    """A category (without Key) or label that a history has more often than the catalogue."""

    Key: str | None
    Value: str
    Items: int


class ProfileBody(BaseModel):
    """The size of a history, its traits and latest items, and the tastes that were stated."""

    model_config = schema_example(
        UserId="ann", Items=31, Traits=[{"Key": "genre", "Value": "drama", "Items": 9}],
        Latest=["i9"], Tastes=[{"Attitude": "dislike", "Category": "horror"}],
    )  # fmt: skip

    UserId: str
    Items: int
    Traits: list[TraitBody]
    Latest: list[str]
    Tastes: list[TasteBody]


@router.get("/user/{user_id}/profile", response_model=ProfileBody)
async def get_profile(user_id: PathId, service: CurrentService) -> Response:
    """Return what a user seems to like, and what they stated; an unknown user has an empty one."""
    return json_response(await profile_body(service, user_id))


async def profile_body(service: Service, user_id: str) -> dict[str, Any]:
    """Return the profile of a user as it is now."""
    (history,) = await service.histories([user_id])
    profile = await service.compute_limit.run(lambda: service.live.profile(user_id))
    return {
        "UserId": user_id,
        "Items": profile.items,
        "Traits": [{"Key": t.key, "Value": t.value, "Items": t.items} for t in profile.traits],
        "Latest": list(profile.latest),
        "Tastes": [taste_out(taste) for taste in history.tastes],
    }


@router.put("/user/{user_id}/tastes", response_model=RowAffected)
async def state_taste(user_id: PathId, body: TasteBody, service: CurrentService) -> Response:
    """State a taste, or with the attitude none take it back; it counts in the next list.

    An unknown user is created. RowAffected is 0 if it was stated already.
    """
    taste = body.taste()
    return await _change(service, user_id, lambda edits: with_edits(edits, [taste]))


@router.post("/user/{user_id}/tastes/undo", response_model=RowAffected)
async def undo_taste(user_id: PathId, service: CurrentService) -> Response:
    """Undo the last change of a user's tastes; RowAffected is 0 if there is none."""
    return await _change(service, user_id, without_last)


async def _change(
    service: Service, user_id: str, change: Callable[[TasteEdits], TasteEdits]
) -> Response:
    count = await service.write(lambda c: records.edit_tastes(c, user_id, change), urgent=False)
    return json_response({"RowAffected": count})
