"""The pages: one file each with a `router`, and one line here."""

from __future__ import annotations

from fastapi import APIRouter

from polyrec.dashboard.routes import (
    chat,
    events,
    items,
    keys,
    login,
    media,
    overview,
    reports,
    search,
    users,
)

ROUTERS: tuple[APIRouter, ...] = (
    login.router,
    overview.router,
    items.router,
    media.router,
    users.router,
    search.router,
    chat.router,
    events.router,
    reports.router,
    keys.router,
)
