"""The routes under /api: one file per kind with a `router`, and one line here.

    health           liveness and readiness (Gorse)
    users, items     records (Gorse)
    feedback         events of users (Gorse)
    profile          what users seem to like, and what they state
    recommend        lists for a user and for a session (Gorse), for a batch
    lists            latest, popular, non-personalised (Gorse)
    neighbours       similar items, similar users (Gorse)
    media            files of an item, and its status
    search           by content
    chat             a conversation
    explain          contributions to a score
    model            the bundle in service, rollback
    bulk             bulk transfers, dump, restore, purge (Gorse)

`docs` and `operations` lie outside /api.
"""

from __future__ import annotations

from fastapi import APIRouter

from polyrec.serve.api.routes import (
    bulk,
    chat,
    explain,
    feedback,
    health,
    items,
    lists,
    media,
    model,
    neighbours,
    profile,
    recommend,
    search,
    users,
)

PREFIX = "/api"

ROUTERS: tuple[APIRouter, ...] = (
    recommend.router,  # routes are matched in order: the busiest come first
    feedback.router,
    health.router,
    users.router,
    profile.router,
    items.router,
    lists.router,
    neighbours.router,
    media.router,
    search.router,
    chat.router,
    explain.router,
    model.router,
    bulk.router,
)
