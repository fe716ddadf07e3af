"""Search: by words, files, items, and for a user."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from polyrec.artifact.item_search import SearchQuery, SearchWeights
from polyrec.serve.api import schemas, seen_params
from polyrec.serve.api.bodies import json_body, read_body
from polyrec.serve.api.page_params import MAX_CATEGORIES, ItemsPage, PageBody, page_size
from polyrec.serve.api.routes.media import Modality
from polyrec.serve.api.schemas import Id, OptionalId, Scored, StrictBody, View, schema_example
from polyrec.serve.api.seen_params import seen_rule
from polyrec.serve.api.uploads import MEDIA_BODY, check_file_type, check_modality, receive_upload
from polyrec.serve.ranking.catalog_search import CatalogSearch, SearchMatches, search_catalog
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.settings import Settings
from polyrec.types import Raw

router = APIRouter(tags=["content"])
_Encoded = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
_Items = Annotated[list[Id], Field(max_length=1_000)]
_Weight = Annotated[float, Field(ge=0, le=1_000)]


class WeightsBody(StrictBody):
    """How much each part of a query counts; 0 leaves it out."""

    model_config = schema_example(Words=1, Content=0.5)

    Words: _Weight = SearchWeights.words
    Content: _Weight = SearchWeights.content
    User: _Weight = SearchWeights.user
    Text: _Weight = SearchWeights.text
    Image: _Weight = SearchWeights.image
    Audio: _Weight = SearchWeights.audio
    Video: _Weight = SearchWeights.video
    Items: _Weight = SearchWeights.items
    Negative: _Weight = SearchWeights.negative

    def weights(self) -> SearchWeights:
        """Return the weights."""
        return SearchWeights(**{name.lower(): value for name, value in self.model_dump().items()})


class SearchBody(PageBody):
    """The query: words, files in base64, items to be like or unlike, or several of these."""

    model_config = schema_example(
        Text="a film about the sea", Negative=["i3"], UserId="ann", N=10, Categories=["films"]
    )

    Text: schemas.Text = ""
    Image: _Encoded = ""
    Audio: _Encoded = ""
    Video: _Encoded = ""
    Items: _Items = Field(default_factory=list)
    Negative: Annotated[_Items, Field(description="Less like these.")] = Field(default_factory=list)
    UnwantedWords: Annotated[
        list[str], Field(max_length=MAX_CATEGORIES, description="No items with one of these words.")
    ] = Field(default_factory=list)
    UserId: Annotated[OptionalId, Field(description="Order for this user.")] = ""
    Weights: WeightsBody = Field(default_factory=WeightsBody)
    View: Annotated[str, Field(max_length=64, description="Compare in this view, no words.")] = ""
    HideSeen: Annotated[
        bool, Field(description="Leave out items that the user has feedback on.")
    ] = False
    HidingKinds: seen_params.HidingKinds = None

    def search(self, settings: Settings) -> CatalogSearch:
        """Return the search; raise 400 for an empty query or a damaged file."""
        files: dict[str, Raw] = {
            name.lower(): _decode(getattr(self, name), name)
            for name in ("Image", "Audio", "Video")
            if getattr(self, name)
        }
        if not (self.Text.strip() or files or self.Items or self.Negative):
            remedy = "send Text, Image, Audio, Video, Items or Negative"
            raise http_error(400, "the query is empty", remedy=remedy)
        if self.HideSeen and not self.UserId:
            raise http_error(400, "HideSeen needs a UserId", remedy="send UserId, or no HideSeen")
        query = SearchQuery(
            self.Text, files, self.Items, self.Negative, self.View, self.Weights.weights()
        )
        return CatalogSearch(
            query,
            self.UserId,
            self.N,
            self.Offset,
            self.filters(),
            tuple(self.Exclude),
            seen_rule(settings, hide=self.HideSeen, kinds=self.HidingKinds),
            tuple(self.UnwantedWords),
        )


class SearchAnswer(BaseModel):
    """The matches, the view their content was compared in, and the rankings that were joined.

    Scores are cosines where content alone was compared. Joined scores are 1 at most, and 1 higher
    for an item with exactly the title.
    """

    Items: list[Scored]
    View: str
    Rankings: Annotated[list[str], Field(description="Of words, content, user.")]


@router.post(
    "/search",
    response_model=SearchAnswer,
    responses={415: {}},
    openapi_extra=json_body(SearchBody),
)
async def search_items(request: Request, service: CurrentService) -> Response:
    """Return the items that suit the query best, by words and by content."""
    body = await read_body(request, service, SearchBody)
    page_size(service, body.N)
    search = await run_in_threadpool(body.search, service.settings)  # base64 of megabytes
    return _answer(await run_search(service, search))


@router.post(
    "/search/media/{modality}",
    response_model=SearchAnswer,
    responses={415: {}},
    openapi_extra=MEDIA_BODY,
)
async def search_by_file(
    modality: Modality,
    request: Request,
    service: CurrentService,
    page: ItemsPage,
    view: View = "",
) -> Response:
    """Return the items most similar to the file in the body; it is not stored."""
    check_modality(modality)
    async with receive_upload(request, service, modality) as upload:
        upload.spool.flush()
        query = SearchQuery(files={modality: upload.spool.path}, view=view)
        search = CatalogSearch(query, n=page.n, offset=page.offset, filters=page.filters)
        return _answer(await run_search(service, search))


async def run_search(service: Service, search: CatalogSearch) -> SearchMatches:
    """Return the matches in the catalogue as it is now."""
    live = await service.catch_up()
    state = service.model_updater.state
    return await service.compute_limit.run(lambda: search_catalog(live, state, search))


def _answer(matches: SearchMatches) -> Response:
    pairs = zip(matches.ids, matches.scores, strict=True)
    items = [{"Id": item, "Score": score} for item, score in pairs]
    return json_response({"Items": items, "View": matches.view, "Rankings": matches.rankings})


def _decode(encoded: str, modality: str) -> bytes:
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        what = f"{modality} is not valid base64"
        remedy = "or send the file as the body of /search/media/..."
        raise http_error(400, what, received=error, remedy=remedy) from None
    check_file_type(content, modality.lower())
    return content
