"""Items as a person sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyrec.database import records
from polyrec.serve.service import Service

_LONGEST = 80


@dataclass(frozen=True)
class Card:
    """One item, and what stands under it."""

    item_id: str
    title: str
    note: str = ""
    status: str = records.LIVE
    hidden: bool = False


async def cards(
    service: Service, items: Sequence[str], notes: Mapping[str, str] | None = None
) -> list[Card]:
    """Return the items' cards in this order; of items that were deleted the id is left."""
    found = await service.read(lambda connection: records.items_by_id(connection, list(items)))
    known = {item.item_id: item for item in found}
    return [card(item_id, known.get(item_id), (notes or {}).get(item_id, "")) for item_id in items]


def card(item_id: str, item: records.ItemRecord | None, note: str = "") -> Card:
    """Return the card of a record."""
    if item is None:
        return Card(item_id, item_id, note, "deleted")
    return Card(item_id, title(item), note, item.status, item.is_hidden)


def title(item: records.ItemRecord) -> str:
    """Return what to call an item: the first line of its comment, else its id."""
    first = item.comment.strip().partition("\n")[0] or item.item_id
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1]}…"
