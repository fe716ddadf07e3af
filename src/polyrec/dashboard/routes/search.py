"""Search by text, or by an uploaded image, audio or video."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, HTTPException, Query, Request, UploadFile
from fastapi.responses import Response

from polyrec.artifact.item_search import SearchQuery
from polyrec.dashboard.item_cards import item_cards
from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import ReadForm, ReadUser
from polyrec.media.sniff import HEAD, sniff
from polyrec.serve.api.routes.search import run_search
from polyrec.serve.ranking.catalog_search import CatalogSearch
from polyrec.serve.service import CurrentService, Service

router = APIRouter()
_RESULTS = 24
_MODALITIES = ("image", "video", "audio")  # preferred first: a video is compared by its frames
_EMPTY = {"cards": None, "matched_by": "", "problem": ""}


@router.get("/search")
async def search_by_text(
    request: Request,
    service: CurrentService,
    user: ReadUser,
    q: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Show the items that suit a text best, by its words and by its content."""
    results = await _search(service, SearchQuery(q)) if q.strip() else {}
    return render_page(request, service, user, "search", {"q": q, **_EMPTY, **results})


@router.post("/search")
async def search_by_upload(
    request: Request, service: CurrentService, user: ReadForm, file: Annotated[UploadFile, File()]
) -> Response:
    """Show the items most similar to a file; it is not stored."""
    content = await file.read()
    modalities = sorted(sniff(content[:HEAD]).modalities - {"text"}, key=_MODALITIES.index)
    results: dict[str, Any] = {"problem": "This file is not an image, audio or video."}
    if modalities:
        results = await _search(service, SearchQuery(files={modalities[0]: content}))
    return render_page(request, service, user, "search", {"q": "", **_EMPTY, **results})


async def _search(service: Service, query: SearchQuery) -> dict[str, Any]:
    try:
        matches = await run_search(service, CatalogSearch(query, n=_RESULTS))
    except HTTPException as error:  # shown on the page
        body: Any = error.detail
        return {"problem": f"{body['what']}: {body['received']}" if "what" in body else str(body)}
    notes = {i: f"{score:.2f}" for i, score in zip(matches.ids, matches.scores, strict=True)}
    matched_by = " and ".join(matches.rankings) if query.text else matches.view
    cards = await item_cards(service, matches.ids, notes)
    return {"cards": cards, "matched_by": matched_by}
