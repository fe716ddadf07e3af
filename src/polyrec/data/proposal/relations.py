"""Find the table of events among tables, its users, and the tables of its items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import polars as pl

from polyrec.data.proposal.hints import Hint, has_hint, is_generic, words_of
from polyrec.data.proposal.profile import Column, TableProfile
from polyrec.errors import DataError

_PAIR: tuple[Hint, Hint] = ("user", "item")
_DESCRIBING: tuple[Hint, ...] = ("text", "categories", "price")  # which users don't have
_MIN_OVERLAP = 0.5  # of an event column's values, in the key of another table


@dataclass(frozen=True)
class Match:
    """A column of one table whose values are in the key of another table."""

    table: TableProfile
    column: Column
    other: TableProfile
    key: Column
    overlap: float

    @property
    def leaning(self) -> float:
        """Return above 0 if names say that these are items, below 0 for users."""
        names = (self.column.name, self.key.name, self.other.stem)
        described = any(has_hint(c.name, hint) for c in self.other.columns for hint in _DESCRIBING)
        return sum(has_hint(n, "item") - has_hint(n, "user") for n in names) + 0.5 * described

    @property
    def score(self) -> float:
        """Return how likely these are events and their items."""
        same = words_of(self.column.name) == words_of(self.key.name)
        is_log = has_hint(self.table.stem, "events")
        longer = self.table.rows > self.other.rows
        order = has_hint(self.column.name, "order") or has_hint(self.key.name, "order")
        return self.overlap + self.leaning + 0.5 * same + is_log + longer - 2 * order


@dataclass(frozen=True)
class EventFile:
    """A table of events with its columns of users and items."""

    table: TableProfile
    user: Column
    item: Column

    @property
    def rest(self) -> list[Column]:
        """Return the other columns."""
        return [c for c in self.table.columns if c.name not in (self.user.name, self.item.name)]


@dataclass(frozen=True)
class Relations:
    """The events, and the tables of their items and users."""

    events: EventFile
    items: Sequence[Match] = ()
    users: Match | None = None
    further: list[EventFile] = field(default_factory=list)  # of the same users and items
    checks: list[str] = field(default_factory=list)

    @property
    def used(self) -> set[str]:
        """Return the files of all these tables."""
        tables = [match.other for match in (*self.items, *([self.users] if self.users else []))]
        return {
            table.file for table in (self.events.table, *tables, *(e.table for e in self.further))
        }


def find_relations(tables: Sequence[TableProfile]) -> Relations:
    """Return which table holds the events, and how the others belong to it."""
    matches = [match for pair in product(tables, tables) for match in _matches(*pair)]
    candidates = [match for match in matches if match.leaning >= 0]
    best = max(candidates, key=lambda match: match.score, default=None)
    if best is None:
        events = max(tables, key=_log_score)
        item = _best(events, "item", (_best(events, "user", ()),))
    else:
        events, item = best.table, best.column
    item_matches = _item_tables(events, item, matches)
    item_files = {match.other.file for match in item_matches}
    of_users = [
        match
        for match in matches
        if match.table is events and match.column is not item
        and match.leaning < 0 and match.other.file not in item_files
    ]  # fmt: skip
    users = max(of_users, key=lambda match: match.overlap - match.leaning, default=None)
    user = users.column if users else _best(events, "user", (item,))
    relations = Relations(EventFile(events, user, item), item_matches, users)
    relations.further.extend(_further_events(tables, relations))
    for column, hint in zip((user, item), _PAIR, strict=True):
        if not has_hint(column.name, hint) and not (hint == "item" and item_matches):
            relations.checks.append(
                f"{hint}: the name {column.name!r} does not show that it holds the {hint}s"
            )
    return relations


def _matches(table: TableProfile, other: TableProfile) -> list[Match]:
    """Return the columns of a table whose values are keys of another one."""
    if table is other:
        return []
    keys = [
        column
        for column in other.columns
        if column.is_key and column.is_id and not has_hint(column.name, "order")
    ]
    matches = []
    for column in table.columns:
        if column.is_key or not column.is_id or len(column.distinct) < 2:
            continue
        for key in keys:
            shared = column.distinct.is_in(key.distinct.implode()).sum()
            overlap = int(shared) / len(column.distinct)
            if overlap >= _MIN_OVERLAP:
                matches.append(Match(table, column, other, key, overlap))
    return matches


def _item_tables(events: TableProfile, item: Column, matches: Sequence[Match]) -> list[Match]:
    """Return the best match with each table of items, the table with the most rows first."""
    best: dict[str, Match] = {}
    for match in matches:
        if match.table is events and match.column is item and match.leaning >= 0:
            known = best.get(match.other.file)
            if known is None or match.score > known.score:
                best[match.other.file] = match
    return sorted(best.values(), key=lambda match: (-match.overlap, -match.other.rows))


def _further_events(tables: Sequence[TableProfile], relations: Relations) -> list[EventFile]:
    """Return the other tables with the same columns, or with the same users and items."""
    first = relations.events
    users = pl.concat(
        [first.user.distinct, *([relations.users.key.distinct] if relations.users else [])]
    )
    items = pl.concat([first.item.distinct, *(match.key.distinct for match in relations.items)])
    further = []
    for table in tables:
        if table.file in relations.used:
            continue
        columns = {column.name: column for column in table.columns}
        if list(columns) == [column.name for column in first.table.columns]:
            further.append(EventFile(table, columns[first.user.name], columns[first.item.name]))
            continue
        user = _same_role(table, "user", first.user, users)
        item = _same_role(table, "item", first.item, items)
        if user is not None and item is not None and user is not item:
            further.append(EventFile(table, user, item))
    return further


def _same_role(table: TableProfile, hint: Hint, first: Column, values: pl.Series) -> Column | None:
    """Return the column whose values are those of a column of other events, by name or hint."""
    scores = {}
    for position, column in enumerate(table.columns):
        named = 2 * (column.name == first.name) + has_hint(column.name, hint)
        if named and column.is_id:
            overlap = column.distinct.is_in(values.implode()).sum() / len(column.distinct)
            scores[position] = named + overlap if overlap >= _MIN_OVERLAP else 0.0
    best = max(scores, key=lambda position: scores[position], default=None)
    return None if best is None or not scores[best] else table.columns[best]


def _log_score(table: TableProfile) -> tuple[bool, bool, int]:
    """Return whether a table is named as a log, has times, and its number of rows."""
    timed = any(column.times is not None for column in table.columns)
    named = has_hint(table.stem, "events")
    users, items = (any(has_hint(column.name, hint) for column in table.columns) for hint in _PAIR)
    return (users and items, named or timed, table.rows)


def _best(table: TableProfile, hint: Hint, taken: Sequence[Column]) -> Column:
    """Return the column that most likely holds the users, or the items."""
    scores = {}
    for position, column in enumerate(table.columns):
        is_named = is_generic(column.name) and column.may_name  # an item's name may be its id
        if column in taken or not (column.is_id or is_named) or len(column.distinct) < 2:
            continue
        score = 4.0 * has_hint(column.name, hint)
        score -= 3 * has_hint(column.name, "item" if hint == "user" else "user")
        score -= 3 * (has_hint(column.name, "other") or has_hint(column.name, "rating"))
        score -= 2 * (has_hint(column.name, "order") or has_hint(column.name, "title"))
        score -= 2 * (has_hint(column.name, "kind") and len(column.distinct) < 13)
        score += "id" in words_of(column.name) or column.name.lower().endswith("id")
        score += column.filled > 1.2 * len(column.distinct)
        if is_generic(column.name):  # most tables have the user first, then the item
            score -= position + 4 * column.is_key + 2 * column.is_rating
        scores[position] = score + min(1.0, len(column.distinct) / table.rows)
    if not scores:
        names = ", ".join(column.name for column in table.columns)
        remedy = "write a config: docs/config.md"
        raise DataError(f"no column of {table.file} can hold the {hint}s", received=names,
                        remedy=remedy)  # fmt: skip
    return table.columns[max(scores, key=lambda position: scores[position])]
