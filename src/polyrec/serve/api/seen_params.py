"""Parameters for what a list leaves out because its user has feedback on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, TypeAlias

from fastapi import Depends, Query
from pydantic import Field

from polyrec.serve.api.schemas import Id
from polyrec.serve.service import CurrentService
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
