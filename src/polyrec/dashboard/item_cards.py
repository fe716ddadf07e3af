"""Items as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyrec.database import records
from polyrec.serve.service import Service

_MAX_TITLE = 80  # characters


@dataclass(frozen=True)
class ItemCard:
    """One item with a note below it."""

    item_id: str
    title: str
    note: str = ""
    status: str = records.LIVE
    hidden: bool = False


async def item_cards(
    service: Service, items: Sequence[str], notes: Mapping[str, str] | None = None
) -> list[ItemCard]:
    """Return the cards of these items in order; a deleted item has its id as title."""
    rows = await service.read(lambda connection: records.items_by_id(connection, list(items)))
    by_id = {item.item_id: item for item in rows}
    notes = notes or {}
    return [item_card(item_id, by_id.get(item_id), notes.get(item_id, "")) for item_id in items]


def item_card(item_id: str, item: records.ItemRecord | None, note: str = "") -> ItemCard:
    """Return the card of a record."""
    if item is None:
        return ItemCard(item_id, item_id, note, "deleted")
    return ItemCard(item_id, item_title(item), note, item.status, item.is_hidden)


def item_title(item: records.ItemRecord) -> str:
    """Return the first line of an item's comment, else its id."""
    first = item.title or item.item_id
    return first if len(first) <= _MAX_TITLE else f"{first[: _MAX_TITLE - 1]}…"
