"""The routes, one file per kind; each has a `router`, and a line here.

    health           live and ready
    users, items     records (Gorse)
    feedback         what people did (Gorse)
    recommend        lists for a user (Gorse), for a session (Gorse), for a batch (ours)
    lists            latest, popular, non-personalised (Gorse)
    neighbours       items and users that are near (Gorse)
    media            an item's content, and what became of it (ours)
    search           by content (ours)
    explain          why an item is recommended (ours)
    model            which bundle answers; rollback (ours)

Whoever adds routes (media, search, explain, keys, metrics) adds a file and its line.
"""

from __future__ import annotations

from fastapi import APIRouter

from polyrec.serve.api.routes import (
    explain,
    feedback,
    health,
    items,
    lists,
    media,
    model,
    neighbours,
    recommend,
    search,
    users,
)

PREFIX = "/api"

ROUTERS: tuple[APIRouter, ...] = (
    recommend.router,  # routes are tried in turn: those asked most come first
    feedback.router,
    health.router,
    users.router,
    items.router,
    lists.router,
    neighbours.router,
    media.router,
    search.router,
    explain.router,
    model.router,
)
