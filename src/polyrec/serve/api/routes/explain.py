"""Contributions of history items and modalities to the score of an item."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from polyrec.database import records
from polyrec.explain import explain
from polyrec.explanation import Explanation
from polyrec.generate.wording.facts import reason_facts, top_contributions
from polyrec.serve.api.schemas import PathId, schema_example
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.serving_model import ServingModel

router = APIRouter(tags=["recommendation"])

Language = Annotated[str, Query(max_length=35, description="en or zh; others: en")]


class Part(BaseModel):
    """The contribution of a history item to the score, in total and by source."""

    ItemId: str
    Share: float
    Parts: dict[str, float]


class Reasons(BaseModel):
    """Where Exact: Score = Baseline + the Shares of the History; the Sources have the same sum.

    A source is "behaviour" or a modality; "history" where the model can't separate them. Where
    Exact is false, a share is how far the score falls without that item; these need not add up.
    Text is the reason in words, empty if nothing in the history speaks for the item.
    """

    model_config = schema_example(
        UserId="ann", ItemId="i1", Score=0.61, Baseline=0.0, Exact=True, Reason="",
        Text="Because of “Harbour”: 69% from what people choose together, 31% from its text.",
        Sources={"behaviour": 0.42, "text": 0.19},
        History=[{"ItemId": "i9", "Share": 0.61, "Parts": {"behaviour": 0.42, "text": 0.19}}],
    )  # fmt: skip

    UserId: str
    ItemId: str
    Score: float
    Baseline: float
    Exact: bool
    Reason: str
    Text: str
    Sources: dict[str, float]
    History: list[Part]


@router.get("/explain/{user_id}/{item_id}", response_model=Reasons)
async def explain_item(
    user_id: PathId, item_id: PathId, service: CurrentService, language: Language = "en"
) -> Response:
    """Return the contribution of each history item and modality to the score of an item."""
    (history,) = await service.histories([user_id])
    model = service.live.model
    row = model.rows.get(item_id)
    if row is None or row >= model.scored_count or service.live.is_deleted(item_id):
        if await service.read(lambda c: records.find_item(c, item_id)) is None:
            raise http_error(404, "unknown item", received=item_id, remedy="see /api/items")
        source = "popularity" if row is None else "content"
        reason = f"the model has no score for this item: it is recommended by {source} alone"
        return json_response(_without_score(user_id, item_id, reason))
    query = history.query(model, service.live.user_row(user_id))
    if query is None:
        reason = "the model can't use this history: the list has content or popular items"
        return json_response(_without_score(user_id, item_id, reason))
    train = model.bundle.behaviour["train"]
    explanation = await service.compute_limit.run(
        lambda: explain(model.recommender, query, row, train)
    )
    text = await _in_words(service, model, explanation, language)
    body = {**_without_score(user_id, item_id, ""), **_body(model, explanation), "Text": text}
    return json_response(body)


async def _in_words(
    service: Service, model: ServingModel, explanation: Explanation, language: str
) -> str:
    """Return the reason in words, with the titles of now; "" if there is none."""
    ids = [model.ids[row] for row in top_contributions(explanation).items]
    items = await service.read(lambda c: records.items_by_id(c, ids))
    titles = {item.item_id: item.title for item in items}
    facts = reason_facts(explanation, lambda row: titles.get(model.ids[row]) or model.ids[row])
    return await service.words.reason(facts, language)


def _body(model: ServingModel, explanation: Explanation) -> dict[str, Any]:
    return {
        "Score": explanation.score,
        "Baseline": explanation.baseline,
        "Exact": explanation.exact,
        "Sources": explanation.by_source(),
        "History": [
            {"ItemId": model.ids[row], "Share": sum(parts.values()), "Parts": parts}
            for row, parts in explanation.by_item()
        ],
    }


def _without_score(user_id: str, item_id: str, reason: str) -> dict[str, Any]:
    return {"UserId": user_id, "ItemId": item_id, "Score": 0.0, "Baseline": 0.0, "Exact": False,
            "Reason": reason, "Text": "", "Sources": {}, "History": []}  # fmt: skip
