"""Search by content: text, image, audio, video, items."""

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
from polyrec.serve.api.routes.lists import Category
from polyrec.serve.api.routes.media import Modality
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import Count, Id, Offset, Scored, StrictBody, schema_example
from polyrec.serve.api.uploads import MEDIA_BODY, check_file_type, check_modality, receive_upload
from polyrec.serve.ranking.content_search import ContentMatches, ContentQuery, search_by_content
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.live_catalog import Filters
from polyrec.types import Raw

router = APIRouter(tags=["content"])
_Encoded = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
View = Annotated[str, Query(max_length=64, description="Compare in this view.")]


class SearchBody(StrictBody):
    """The query: a text, files in base64, items, or several of these."""

    model_config = schema_example(Text="a film about the sea", N=10, Categories=["films"])

    Text: schemas.Text = ""
    Image: _Encoded = ""
    Audio: _Encoded = ""
    Video: _Encoded = ""
    Items: Annotated[list[Id], Field(max_length=1_000)] = Field(default_factory=list)
    View: Annotated[str, Field(max_length=64)] = ""
    N: Annotated[int, Field(ge=0)] = 10
    Offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    Categories: Annotated[list[str], Field(max_length=100)] = Field(default_factory=list)
    Labels: Annotated[dict[str, list[str]], Field(max_length=100)] = Field(default_factory=dict)
    Ranges: Annotated[dict[str, LabelRange], Field(max_length=100)] = Field(default_factory=dict)
    Exclude: Annotated[list[Id], Field(max_length=100_000)] = Field(default_factory=list)

    def contents(self) -> dict[str, Raw]:
        """Return modality -> content."""
        contents: dict[str, Raw] = {"text": self.Text} if self.Text.strip() else {}
        for modality in ("Image", "Audio", "Video"):
            encoded = getattr(self, modality)
            if encoded:
                contents[modality.lower()] = _decode(encoded, modality)
        return contents

    def filters(self) -> Filters:
        """Return the filters on items."""
        ranges = {
            key: (-math.inf if r.Min is None else r.Min, math.inf if r.Max is None else r.Max)
            for key, r in self.Ranges.items()
        }
        return Filters(tuple(self.Categories), self.Labels, ranges)


class SearchAnswer(BaseModel):
    """The items with their cosine similarity to the query, and the view they were compared in."""

    Items: list[Scored]
    View: str


@router.post("/search", response_model=SearchAnswer, responses={415: {}})
async def search_items(body: SearchBody, service: CurrentService) -> Response:
    """Return the items whose content is most similar to the query."""
    page_size(service, body.N)
    contents = body.contents()
    if not contents and not body.Items:
        remedy = "send Text, Image, Audio, Video or Items"
        raise http_error(400, "the query is empty", remedy=remedy)
    query = ContentQuery(contents, body.Items, body.View, body.N, body.Offset, body.filters(),
                    body.Exclude)  # fmt: skip
    return await _search(service, query)


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
    """Return the items most similar to the file in the body; it is not stored."""
    check_modality(modality)
    filters = Filters((category,) if category else ())
    count = page_size(service, n)
    async with receive_upload(request, service, modality) as (spool, _):
        spool.flush()
        query = ContentQuery({modality: spool.path}, (), view, count, offset, filters)
        return await _search(service, query)


async def _search(service: Service, query: ContentQuery) -> Response:
    live = await service.catch_up()
    state = service.model_updater.state
    result: ContentMatches = await service.compute_limit.run(
        lambda: search_by_content(live, state, query)
    )
    pairs = zip(result.ids, result.scores, strict=True)
    return json_response({"Items": [{"Id": i, "Score": s} for i, s in pairs], "View": result.view})


def _decode(encoded: str, modality: str) -> bytes:
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        what = f"{modality} is not valid base64"
        remedy = "or send the file as the body of /search/media/..."
        raise http_error(400, what, received=error, remedy=remedy) from None
    check_file_type(content, modality.lower())
    return content
