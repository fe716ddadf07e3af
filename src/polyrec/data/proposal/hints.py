"""Names of columns and files that hint at what they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

Hint: TypeAlias = Literal[
    "user", "item", "time", "rating", "kind", "title", "text", "categories", "brand", "price",
    "added", "events", "other", "order",
]  # fmt: skip

_WORDS: Mapping[Hint, str] = {
    "user": "user customer client buyer member visitor listener viewer account reader "
    "subscriber player reviewer person kunde usuario utilisateur guest shopper uid "
    "username nickname login email mail leser mitglied lecteur lector cliente",
    "item": "item product sku article movie film track song asin isbn book video artikel "
    "produkt station show episode recipe program programme podcast game variant "
    "libro livre référence reference medium medien buch titel",
    "time": "time date timestamp datetime created ordered purchased watched played listened "
    "viewed clicked at when ts uts day datum fecha unix epoch started moment zeit",
    "rating": "rating stars score vote grade bewertung note",
    "kind": "event type action kind verb behavior behaviour feedback activity interaction",
    "title": "title name titel nombre nom headline label bezeichnung heading",
    "text": "description desc plot summary text body synopsis overview abstract "
    "beschreibung keywords tags blurb details lyrics content",
    "categories": "category categories genre genres department kategorie section shelf style tags "
    "genero rayon tag topic format",
    "brand": "brand manufacturer maker artist author publisher vendor studio store marke "
    "channel autor developer",
    "price": "price preis cost eur usd amount prix precio",
    "added": "added created released release published launch since date year_added premiere "
    "uploaded",
    "events": "order event interaction rating purchase log view play transaction click "
    "history visit feedback review listen watch sale basket scrobble stream "
    "bestellung bestellungen",
    "order": "order transaction invoice receipt basket cart session row index line request",
    "other": "price amount quantity qty total status currency payment discount channel "
    "country city state zip device browser platform ip url page referrer seconds "
    "duration position rank",
}
_SETS = {hint: frozenset(words.split()) for hint, words in _WORDS.items()}


def generic_names(stem: str, count: int) -> list[str]:
    """Return names for the columns of a file without a header: log_column_1 and so on."""
    return [f"{stem}_column_{number}" for number in range(1, count + 1)]


def is_generic(name: str) -> bool:
    """Return whether a column has one of `generic_names`, which hint at nothing."""
    return re.search(r"_column_\d+$", name) is not None


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case.

    >>> words_of("customerID"), words_of("item_id"), words_of("Order Date")
    (['customer', 'id'], ['item', 'id'], ['order', 'date'])
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def has_hint(name: str, hint: Hint) -> bool:
    """Return whether a word of the name, or its beginning or plural, is one of the hint's.

    >>> has_hint("movieId", "item"), has_hint("products", "item"), has_hint("userid", "user")
    (True, True, True)
    """
    known = _SETS[hint]
    return not is_generic(name) and any(
        word in known or word.removesuffix("s") in known or word.removesuffix("id") in known
        for word in words_of(name)
    )
