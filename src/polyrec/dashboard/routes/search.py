"""Search by text, or by an uploaded image, audio or video."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, HTTPException, Query, Request, UploadFile
from fastapi.responses import Response

from polyrec.dashboard.item_cards import item_cards
from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import ReadForm, ReadUser
from polyrec.media.sniff import HEAD, sniff
from polyrec.serve.ranking.content_search import ContentQuery, search_by_content
from polyrec.serve.service import CurrentService, Service
from polyrec.types import Raw

router = APIRouter()
_RESULTS = 24
_MODALITIES = ("image", "video", "audio")  # preferred first: a video is compared by its frames
_EMPTY = {"cards": None, "view": "", "problem": ""}


@router.get("/search")
async def search_by_text(
    request: Request,
    service: CurrentService,
    user: ReadUser,
    q: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Show the items most similar to a text."""
    results = await _search(service, {"text": q}) if q.strip() else {}
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
        results = await _search(service, {modalities[0]: content})
    return render_page(request, service, user, "search", {"q": "", **_EMPTY, **results})


async def _search(service: Service, contents: dict[str, Raw]) -> dict[str, Any]:
    live = await service.catch_up()
    state = service.model_updater.state
    query = ContentQuery(contents, n=_RESULTS)
    try:
        result = await service.compute_limit.run(lambda: search_by_content(live, state, query))
    except HTTPException as error:  # shown on the page
        body: Any = error.detail
        return {"problem": f"{body['what']}: {body['received']}" if "what" in body else str(body)}
    notes = {i: f"{score:.2f}" for i, score in zip(result.ids, result.scores, strict=True)}
    return {"cards": await item_cards(service, result.ids, notes), "view": result.view}
