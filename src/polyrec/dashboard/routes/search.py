"""Search by words, or by a picture, sound or video that is dropped onto the page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, HTTPException, Query, Request, UploadFile
from fastapi.responses import Response

from polyrec.dashboard.item_cards import cards
from polyrec.dashboard.page import page
from polyrec.dashboard.session_user import Reader, ReaderForm
from polyrec.media.sniff import HEAD, sniff
from polyrec.serve.ranking.search import ContentQuery, search_by_content
from polyrec.serve.service import CurrentService, Service
from polyrec.types import Raw

router = APIRouter()
_SHOWN = 24


@router.get("/search")
async def by_words(
    request: Request,
    service: CurrentService,
    visitor: Reader,
    q: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Show what is near to words."""
    told = await _found(service, {"text": q}) if q.strip() else {}
    return page(request, service, visitor, "search", {"q": q, "cards": None, **told})


@router.post("/search")
async def by_file(
    request: Request,
    service: CurrentService,
    visitor: ReaderForm,
    file: Annotated[UploadFile, File()],
) -> Response:
    """Show what is near to a file; it is not kept."""
    content = await file.read()
    kinds = sorted(sniff(content[:HEAD]).modalities - {"text"}, key=_MODALITIES.index)
    told: dict[str, Any] = {"problem": "This is no picture, sound or video."}
    if kinds:
        # of a film the pictures are compared, of a sound in a film's container its sound
        told = await _found(service, {kinds[0]: content})
    return page(request, service, visitor, "search", {"q": "", "cards": None, **told})


_MODALITIES = ("image", "video", "audio")


async def _found(service: Service, contents: dict[str, Raw]) -> dict[str, Any]:
    live = await service.catch_up()
    state = service.model_updater.state
    sought = ContentQuery(contents, n=_SHOWN)
    try:
        found = await service.compute_limit.run(lambda: search_by_content(live, state, sought))
    except HTTPException as error:  # what can't be read is told on the page
        told: Any = error.detail
        return {"problem": f"{told['what']}: {told['received']}" if "what" in told else str(told)}
    notes = {i: f"{score:.2f}" for i, score in zip(found.ids, found.scores, strict=True)}
    return {"cards": await cards(service, found.ids, notes), "view": found.view}
