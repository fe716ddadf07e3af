"""The page of a list in the order of the service's language model."""

from __future__ import annotations

from polyrec.database import records
from polyrec.generate.rerank import MAX_HISTORY, rerank_by_model
from polyrec.serve.ranking.recommender import RankedList
from polyrec.serve.service import Service
from polyrec.serve.state.history import History


async def rerank_page(service: Service, history: History, ranked: RankedList) -> RankedList | None:
    """Return a list's items in the model's order; None if the list stays as it is.

    The model is sent titles, no ids. It sees the items of the page alone, so that the items of a
    page don't depend on it, and each item keeps its score and source.
    """
    model = service.words.model_for("lists")
    if model is None or len(ranked.ids) < 2:
        return None
    latest = history.items[-MAX_HISTORY:]
    items = await service.read(lambda c: records.items_by_id(c, [*ranked.ids, *latest]))
    # imported items without a title have their id in its place
    titles = {item.item_id: item.title for item in items if item.title != item.item_id}
    order = await rerank_by_model(
        [titles.get(item, "") for item in ranked.ids],
        [titles[item] for item in latest if titles.get(item)],
        model,
        deadline_s=service.words.deadline_s,
    )
    if order is None:
        return None
    return RankedList(
        [ranked.ids[row] for row in order],
        [ranked.scores[row] for row in order],
        [ranked.sources[row] for row in order],
        ranked.reasons,
    )
