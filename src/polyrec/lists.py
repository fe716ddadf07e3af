"""Ids in, ranked lists of ids out: users and items by id around models that count rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from polyrec.errors import DataError, nearest
from polyrec.registry import load_object
from polyrec.types import Interactions, Query, Ranking

if TYPE_CHECKING:
    import polars as pl

_COMPARED_IDS = 10_000  # looked through for the nearest to an unknown one


class _IdsAndScores(NamedTuple):
    ids: list[list[str]]
    scores: list[list[float]]


class ItemLists(_IdsAndScores):
    """Ranked items, one list per query, best first. It unpacks as `ids, scores`.

    >>> lists = ItemLists([["i2", "i7"]], [[2.5, 1.0]], users=["u1"])
    >>> ids, scores = lists
    >>> lists.to_polars().columns
    ['user', 'rank', 'item', 'title', 'score']
    """

    titles: list[list[str]]
    sources: list[str]  # of each list: "history", "popular" if that is unusable, a view, "search"
    users: list[str] | None  # whom the lists are for, None if not for known users
    origin: object  # the bundle or data set that has the items' content

    def __new__(
        cls,
        ids: list[list[str]],
        scores: list[list[float]],
        *,
        titles: list[list[str]] | None = None,
        sources: Sequence[str] = (),
        users: Sequence[str] | None = None,
        origin: object = None,
    ) -> Self:
        """Return lists; an item without a title is called by its id."""
        lists = super().__new__(cls, ids, scores)
        lists.titles = ids if titles is None else titles
        lists.sources = list(sources)
        lists.users = None if users is None else list(users)
        lists.origin = origin
        return lists

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "origin": None}  # copies and pickles leave the bundle behind

    def to_polars(self) -> pl.DataFrame:
        """Return a row per item: user (or query, counted from 0), rank, item, title, score."""
        import polars as pl

        owner = pl.Int64 if self.users is None else pl.String
        kinds = (owner, pl.Int64, pl.String, pl.String, pl.Float64)
        schema = dict(zip(self._names, kinds, strict=True))
        return pl.DataFrame(self._rows(), schema=schema, orient="row")

    def to_pandas(self) -> Any:
        """Return the rows of `to_polars` as a pandas frame."""
        return load_object("pandas:DataFrame")(self._rows(), columns=self._names)

    def _repr_html_(self) -> str:
        return str(load_object("polyrec.notebook.html:lists_html")(self))

    @property
    def _names(self) -> list[str]:
        return ["query" if self.users is None else "user", "rank", "item", "title", "score"]

    def _rows(self) -> list[tuple[Any, ...]]:
        owners: Sequence[Any] = range(len(self.ids)) if self.users is None else self.users
        return [
            (owner, rank, *entry)
            for owner, *columns in zip(owners, self.ids, self.titles, self.scores, strict=True)
            for rank, entry in enumerate(zip(*columns, strict=True), start=1)
        ]


@dataclass(frozen=True)
class IdMap:
    """The users and items of a model by id, and the events that are the users' histories.

    >>> ids = IdMap(("u", "v"), ("a", "b"), ("A", "B"), Interactions.of([0], [1], shape=(2, 2)))
    >>> ids.query(["u"]).items, ids.query(histories=[["b", "a"]]).items
    (array([1]), array([1, 0]))
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    titles: tuple[str, ...]
    events: Interactions

    @cached_property
    def user_rows(self) -> Mapping[str, int]:
        """Return user id -> row."""
        return {user: row for row, user in enumerate(self.users)}

    @cached_property
    def item_rows(self) -> Mapping[str, int]:
        """Return item id -> row."""
        return {item: row for row, item in enumerate(self.items)}

    def query(
        self,
        users: Iterable[str] | None = None,
        *,
        histories: Iterable[Iterable[str]] | None = None,
    ) -> Query:
        """Return the query for known users, or for histories of item ids.

        The history of a known user is all of its events. Ids that are whole numbers may be given as
        such. An unknown user or item raises `DataError`.
        """
        if (users is None) == (histories is None):
            received = "neither" if users is None else "both"
            raise DataError("users or histories are needed", received=received,
                            remedy="give one of the two")  # fmt: skip
        if users is not None:
            return self._histories.select([self._user_row(u) for u in id_list(users, "users")])
        lists = [id_list(history, "a history") for history in _not_text(histories, "histories")]
        # a repeated item counts once, at its last position
        unique = [list(dict.fromkeys(reversed(history)))[::-1] for history in lists]
        return Query.of([[self.item_row(item) for item in history] for history in unique])

    def item_row(self, item: str) -> int:
        """Return the row of an item; an unknown id raises `DataError` with the nearest one."""
        item = id_text(item)
        if item not in self.item_rows:
            remedy = nearest(item, self.items[:_COMPARED_IDS])
            raise DataError("unknown item", received=item, remedy=remedy)
        return self.item_rows[item]

    def name(
        self,
        ranking: Ranking,
        sources: Sequence[str] = (),
        *,
        users: Iterable[str] | None = None,
        origin: object = None,
    ) -> ItemLists:
        """Return a ranking as lists of ids, without the pads."""
        rows = [row[row >= 0].tolist() for row in ranking.items]
        return ItemLists(
            [[self.items[i] for i in row] for row in rows],
            [scores[: len(row)].tolist() for row, scores in zip(rows, ranking.scores, strict=True)],
            titles=[[self.titles[i] for i in row] for row in rows],
            sources=sources,
            users=None if users is None else id_list(users, "users"),
            origin=origin,
        )

    @cached_property
    def _histories(self) -> Query:
        return self.events.histories(np.arange(len(self.users)))

    def _user_row(self, user: str) -> int:
        if user not in self.user_rows:
            remedy = "use histories= for unknown users"
            raise DataError("unknown user", received=user, remedy=remedy)
        return self.user_rows[user]


class HasIds(Protocol):
    """A data set or bundle: users and items by id."""

    @property
    def id_map(self) -> IdMap:
        """Return users and items by id."""


def describe_counts(
    items: Sequence[str], users: Sequence[str], behaviour: Mapping[str, Interactions]
) -> str:
    """Return the counts of a data set or bundle on one line.

    >>> describe_counts(["a", "b"], ["u"], {"train": Interactions.of([0], [1], shape=(1, 2))})
    '2 items, 1 users, events: train 1'
    """
    parts = ", ".join(f"{name} {len(part):,}" for name, part in behaviour.items())
    return f"{len(items):,} items, {len(users):,} users, events: {parts}"


def id_list(ids: Any, name: str) -> list[str]:
    """Return ids as texts; whole numbers are written as digits."""
    return [id_text(value) for value in _not_text(ids, name)]


def id_text(value: Any) -> str:
    """Return an id as text.

    >>> id_text("007"), id_text(7)
    ('007', '7')
    """
    return str(value) if isinstance(value, int | np.integer) else value


def _not_text(values: Any, name: str) -> Any:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DataError(f"{name} must be a list", received=values, remedy=f"write [{values!r}]")
    return values
