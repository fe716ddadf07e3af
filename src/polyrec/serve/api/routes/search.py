"""Search by content: words, pictures, sounds, films, items."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from polyrec.serve.api import schemas
from polyrec.serve.api.batch import LabelRange
from polyrec.serve.api.routes.media import Modality
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import Count, Id, Offset, Scored, example
from polyrec.serve.api.uploads import MEDIA_BODY, check_kind, check_modality, received
from polyrec.serve.ranking.search import ContentMatches, ContentQuery, search_by_content
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.live_catalog import Filters
from polyrec.types import Raw

router = APIRouter(tags=["content"])
_Encoded = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
View = Annotated[str, Query(max_length=64, description="Compare in this view.")]
Category = Annotated[str, Query(max_length=256, description="In which an item has to be.")]


class SearchBody(BaseModel):
    """What is looked for: a text, files in base64, items, or several of these."""

    model_config = example(Text="a film about the sea", N=10, Categories=["films"])

    Text: schemas.Text = ""
    Image: _Encoded = ""
    Audio: _Encoded = ""
    Video: _Encoded = ""
    Items: Annotated[list[Id], Field(max_length=1_000)] = []
    View: Annotated[str, Field(max_length=64)] = ""
    N: Annotated[int, Field(ge=0)] = 10
    Offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    Categories: Annotated[list[str], Field(max_length=100)] = []
    Labels: Annotated[dict[str, list[str]], Field(max_length=100)] = {}
    Ranges: Annotated[dict[str, LabelRange], Field(max_length=100)] = {}
    Exclude: Annotated[list[Id], Field(max_length=100_000)] = []

    def contents(self) -> dict[str, Raw]:
        """Return modality -> content."""
        found: dict[str, Raw] = {"text": self.Text} if self.Text.strip() else {}
        for modality in ("Image", "Audio", "Video"):
            told = getattr(self, modality)
            if told:
                found[modality.lower()] = _decoded(told, modality)
        return found

    def filters(self) -> Filters:
        """Return what an item has to fulfil."""
        ranges = {
            key: (-math.inf if r.Min is None else r.Min, math.inf if r.Max is None else r.Max)
            for key, r in self.Ranges.items()
        }
        return Filters(tuple(self.Categories), self.Labels, ranges)


class SearchAnswer(BaseModel):
    """The items found, with the cosine to what is looked for, and the view that was compared in."""

    Items: list[Scored]
    View: str


@router.post("/search", response_model=SearchAnswer, responses={415: {}})
async def search_items(body: SearchBody, service: CurrentService) -> Response:
    """Return the items whose content is nearest to what is given."""
    page_size(service, body.N)
    contents = body.contents()
    if not contents and not body.Items:
        remedy = "give Text, Image, Audio, Video or Items"
        raise refuse(400, "nothing to look for", remedy=remedy)
    sought = ContentQuery(contents, body.Items, body.View, body.N, body.Offset, body.filters(),
                    body.Exclude)  # fmt: skip
    return await _answer(service, sought)


@router.post(
    "/search/media/{modality}",
    response_model=SearchAnswer,
    responses={415: {}},
    openapi_extra=MEDIA_BODY,
)
async def search_by_file(  # noqa: PLR0913 - one argument per parameter
    modality: Modality,
    request: Request,
    service: CurrentService,
    n: Count = None,
    offset: Offset = 0,
    view: View = "",
    category: Category = "",
) -> Response:
    """Return the items nearest to an uploaded file, the body being the file; it is not kept."""
    check_modality(modality)
    filters = Filters((category,) if category else ())
    count = page_size(service, n)
    async with received(request, service, modality) as (spool, _):
        spool.flush()
        sought = ContentQuery({modality: spool.path}, (), view, count, offset, filters)
        return await _answer(service, sought)


async def _answer(service: Service, sought: ContentQuery) -> Response:
    live = await service.catch_up()
    state = service.model_updater.state
    found: ContentMatches = await service.compute_limit.run(
        lambda: search_by_content(live, state, sought)
    )
    pairs = zip(found.ids, found.scores, strict=True)
    return reply({"Items": [{"Id": i, "Score": s} for i, s in pairs], "View": found.view})


def _decoded(told: str, modality: str) -> bytes:
    try:
        content = base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse(400, f"{modality} is no base64", received=error,
                     remedy="or send the file itself to /search/media/...") from None  # fmt: skip
    check_kind(content, modality.lower())
    return content
