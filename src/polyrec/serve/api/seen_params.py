"""Parameters for what a list leaves out because its user has feedback on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, NamedTuple, TypeAlias

from fastapi import Depends, Query
from pydantic import Field

from polyrec.serve.api.schemas import Id, OptionalId
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.settings import Settings
from polyrec.serve.state.history import SeenRule

HIDE_SEEN = "Leave out items that the user has feedback on; without it, the service's setting."
HIDING_KINDS = "Feedback types that count for this; without it, the service's setting."

HideSeen: TypeAlias = Annotated[bool | None, Field(description=HIDE_SEEN)]
HidingKinds: TypeAlias = Annotated[list[Id] | None, Field(max_length=100, description=HIDING_KINDS)]
_HideSeen = Annotated[bool | None, Query(alias="hide-seen", description=HIDE_SEEN)]
_HidingKinds = Annotated[
    list[Id] | None, Query(alias="hiding-kind", max_length=100, description=HIDING_KINDS)
]


def seen_rule(
    settings: Settings, *, hide: bool | None = None, kinds: Collection[str] | None = None
) -> SeenRule:
    """Return the rule of a request; what it does not say is as in the settings."""
    hiding = settings.hiding_kinds if kinds is None else kinds
    return SeenRule(settings.hide_seen if hide is None else hide, frozenset(hiding) or None)


async def _of_request(
    service: CurrentService, hide_seen: _HideSeen = None, hiding_kind: _HidingKinds = None
) -> SeenRule:
    return seen_rule(service.settings, hide=hide_seen, kinds=hiding_kind)


Seen: TypeAlias = Annotated[SeenRule, Depends(_of_request)]
"""The rule of a request with query parameters."""


class UserSeen(NamedTuple):
    """The user of a list, "" for none, and which items it leaves out because of them."""

    user_id: str
    rule: SeenRule


_UserId = Annotated[
    OptionalId, Query(alias="user-id", description="Without the items this user has seen.")
]


async def _user_seen(rule: Seen, user: _UserId = "") -> UserSeen:
    return UserSeen(user, rule)


SeenBy: TypeAlias = Annotated[UserSeen, Depends(_user_seen)]
"""The user and the rule of a list that is not personal otherwise."""


async def seen_items(service: Service, seen_by: UserSeen) -> tuple[str, ...]:
    """Return the items that a list leaves out because of its user."""
    if not seen_by.user_id:
        return ()
    (history,) = await service.histories([seen_by.user_id])
    return history.hidden(seen_by.rule)
