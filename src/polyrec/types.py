"""The values that travel between the rooms.

Axes: n items, u users, e events, b batch, d width, k list length, h history events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Csr: TypeAlias = sparse.csr_array


class Problem(NamedTuple):
    """Why content that should be there can't be read: one word, and the reason."""

    status: str  # as in MediaError
    reason: str

    def __str__(self) -> str:
        return f"{self.status}: {self.reason}"


class Link(NamedTuple):
    """Content that lies elsewhere, as a URL; it is fetched only if the config allows the host."""

    url: str


Raw: TypeAlias = str | Path | bytes | Floats | BinaryIO | Link | Problem
"""One item's content: text, a media file, its bytes, an open file, a URL, a ready feature row, or
what is already known to be wrong with it."""


class Progress(Protocol):
    """Called with a stage's name, the steps done, the steps in all, and what else to say."""

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Report progress."""


FUSED = "fused"
"""The name of the view that a fuser adds: the item as a whole."""

NO_TIME = -1
"""The time of an event whose source gives none."""

MAX_ID_LENGTH = 256


def id_problem(value: str) -> str | None:
    r"""Return why a text can't be the id of a user, item, category or event kind, else None.

    Training and the service use this rule, so that the service can address what a bundle has.

    >>> id_problem("a/b c"), id_problem("a\tb")
    (None, 'an id must not contain control characters')
    """
    if not value.strip() or len(value) > MAX_ID_LENGTH:
        return f"an id has 1 to {MAX_ID_LENGTH} characters"
    if value in (".", ".."):
        return "an id must not be . or .., which URLs resolve"
    if value.isprintable():
        return None
    if any(character < " " or character == "\x7f" for character in value):
        return "an id must not contain control characters"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "text must not contain unpaired surrogates"
    return None


def silent(stage: str, done: int, total: int, note: str = "", /) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Embeddings:
    """One row of features per item; missing content is flagged, never faked.

    Rows where `present` is false hold zeros that nobody may read as content; `problems` says for
    some of them why content that should be there is not (a damaged file, say). Views that name the
    same `space` may be compared with each other.

    >>> Embeddings(np.ones((2, 3), np.float32), np.array([True, False])).width
    3
    """

    vectors: Floats  # (n, d)
    present: Bools  # (n,)
    problems: Mapping[int, Problem] = field(default_factory=dict)
    space: str = ""  # "" is a space of its own

    @property
    def width(self) -> int:
        """Return d."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    def take(self, rows: npt.ArrayLike) -> Embeddings:
        """Return the embeddings of these rows, in this order."""
        index = np.arange(len(self))[np.asarray(rows)]
        problems = {
            i: self.problems[int(r)] for i, r in enumerate(index) if int(r) in self.problems
        }
        return Embeddings(self.vectors[index], self.present[index], problems, self.space)


Views: TypeAlias = Mapping[str, Embeddings]
"""Modality name -> embeddings; rows are items, the same in every view."""


@dataclass(frozen=True)
class Interactions:
    """Events of users on items: who, what, when (seconds since 1970), how strong, of which kind.

    >>> events = Interactions.of([0, 0, 1], [2, 0, 1], shape=(2, 3))
    >>> events.matrix().toarray()
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """

    users: Ints  # (e,)
    items: Ints  # (e,)
    times: Ints  # (e,) seconds, NO_TIME where unknown
    weights: Floats  # (e,) negative for dislike
    kinds: npt.NDArray[np.int16]  # (e,)
    shape: tuple[int, int]  # (u, n)

    @classmethod
    def of(
        cls,
        users: npt.ArrayLike,
        items: npt.ArrayLike,
        *,
        shape: tuple[int, int],
        times: npt.ArrayLike | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> Self:
        """Return interactions of one kind from plain sequences."""
        who = np.asarray(users, np.int64)
        count = len(who)
        return cls(
            users=who,
            items=np.asarray(items, np.int64),
            times=np.full(count, NO_TIME) if times is None else np.asarray(times, np.int64),
            weights=np.ones(count, np.float32)
            if weights is None
            else np.asarray(weights, np.float32),
            kinds=np.zeros(count, np.int16),
            shape=shape,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Interactions]) -> Self:
        """Return the events of several parts of the same users and items."""
        names = ("users", "items", "times", "weights", "kinds")
        joined = {n: np.concatenate([getattr(part, n) for part in parts]) for n in names}
        return cls(**joined, shape=parts[0].shape)

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: npt.ArrayLike) -> Interactions:
        """Return these events, by index or by mask, in this order."""
        index = np.asarray(rows)
        return Interactions(
            self.users[index],
            self.items[index],
            self.times[index],
            self.weights[index],
            self.kinds[index],
            self.shape,
        )

    def matrix(self) -> Csr:
        """Return the (u, n) float32 weights, several events on one pair added up."""
        coo = sparse.coo_array((self.weights, (self.users, self.items)), shape=self.shape)
        return sparse.csr_array(coo)

    def positives(self) -> Csr:
        """Return the (u, n) float32 matrix with only the pairs whose weights add up to over 0."""
        matrix = self.matrix()
        matrix.data[matrix.data < 0] = 0
        matrix.eliminate_zeros()
        return matrix

    def histories(self, users: npt.ArrayLike) -> Query:
        """Return a query with each of these users' events, oldest first, one per item.

        An item met several times stands where it was met last, with its weights added up.
        """
        return self.sequences(users).merge_repeats(self.shape[1])

    def sequences(self, users: npt.ArrayLike) -> Query:
        """Return a query with each of these users' events, oldest first, repeats kept.

        Events of the same time keep their order. The first call sorts all events, later ones slice.

        >>> events = Interactions.of([0, 1, 0, 0], [2, 1, 0, 2], shape=(2, 3))
        >>> events.sequences([0]).items
        array([2, 0, 2])
        """
        order, first = self._by_user
        wanted = np.asarray(users, np.int64)
        starts, entries = _slices(first, wanted)
        rows = entries if order is None else order[entries]
        return Query(wanted, starts, self.items[rows], self.weights[rows])

    @cached_property
    def _by_user(self) -> tuple[npt.NDArray[np.integer] | None, Ints]:
        """The events' order by user and time, None if they are in it, and (u + 1,) user starts."""
        users, times = self.users, self.times
        counts = np.bincount(users, minlength=self.shape[0])
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        same_user = users[1:] == users[:-1]
        if np.all((users[1:] > users[:-1]) | (same_user & (times[1:] >= times[:-1]))):
            return None, first
        by_time = np.argsort(times, kind="stable")
        # a sparse matrix groups its columns by row, in order, in linear time
        columns = (users[by_time], np.arange(len(users)))
        shape = (self.shape[0], len(users))
        grouped = sparse.csr_array((np.ones(len(users), np.int8), columns), shape=shape)
        return by_time[grouped.indices].astype(np.min_scalar_type(len(users))), first


def _slices(first: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return (b + 1,) the starts and (e,) the entries of slices first[r] to first[r + 1]."""
    counts = first[rows + 1] - first[rows]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return starts, np.repeat(first[rows] - starts[:-1], counts) + np.arange(starts[-1])


@dataclass(frozen=True)
class Query:
    """A batch of questions: whom, and what each has done so far.

    The history rides along, so a trained user, an anonymous session and a click of the last
    second take the same call.

    >>> Query.of([[3, 9], []]).starts
    array([0, 2, 2])
    """

    users: Ints  # (b,) -1 for someone unknown
    starts: Ints  # (b + 1,) history i is items[starts[i]:starts[i + 1]]
    items: Ints  # (h,) oldest first
    weights: Floats  # (h,)

    @classmethod
    def of(cls, histories: Sequence[Sequence[int]]) -> Self:
        """Return a query for unknown people with these histories, all weights 1."""
        starts = np.cumsum([0, *map(len, histories)]).astype(np.int64)
        items = np.array([item for history in histories for item in history], np.int64)
        users = np.full(len(histories), -1, np.int64)
        return cls(users, starts, items, np.ones(len(items), np.float32))

    def __len__(self) -> int:
        return len(self.users)

    def matrix(self, items: int) -> Csr:
        """Return the (b, items) float32 history weights."""
        parts = (self.weights, self.items, self.starts)
        matrix = sparse.csr_array(parts, shape=(len(self), items), copy=True)
        matrix.sum_duplicates()  # in place: without the copy, the query itself would change
        return matrix

    def take(self, first: int, stop: int) -> Query:
        """Return the questions first..stop-1."""
        low, high = self.starts[first], self.starts[stop]
        return Query(
            self.users[first:stop],
            self.starts[first : stop + 1] - low,
            self.items[low:high],
            self.weights[low:high],
        )

    def select(self, rows: npt.ArrayLike) -> Query:
        """Return these questions, in this order."""
        index = np.asarray(rows, np.int64)
        starts, entries = _slices(self.starts, index)
        return Query(self.users[index], starts, self.items[entries], self.weights[entries])

    def merge_repeats(self, items: int) -> Query:
        """Return the questions with each item once, where it was met last, its weights added up.

        >>> Query.of([[3, 1, 3], [3]]).merge_repeats(4).items
        array([1, 3, 3])
        """
        owners = np.repeat(np.arange(len(self)), np.diff(self.starts))
        # np.unique keeps the first of equals: reversed, that is the latest event of a pair
        pairs = (owners * items + self.items)[::-1]
        _, last, inverse = np.unique(pairs, return_index=True, return_inverse=True)
        if len(last) == len(pairs):
            return self
        totals = np.bincount(inverse, weights=self.weights[::-1]).astype(np.float32)
        entries = len(pairs) - 1 - last
        order = np.argsort(entries)
        kept, weights = entries[order], totals[order]
        counts = np.bincount(owners[kept], minlength=len(self))
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Query(self.users, starts, self.items[kept], weights)


@dataclass(frozen=True)
class Ranking:
    """The best k items per question, best first; -1 pads where there are fewer."""

    items: Ints  # (b, k)
    scores: Floats  # (b, k) -inf at the pads


@dataclass(frozen=True)
class ItemMetadata:
    """What is known of an item beside its content: a service filters, sorts and shows by it.

    `labels` are JSON: tags, or names with tags or numbers (`{"genre": ["drama"], "price": 12.5}`).
    """

    categories: tuple[str, ...] = ()
    labels: Any = None
    added: int | None = None  # seconds since 1970
    description: str = ""


@dataclass(frozen=True)
class Catalog:
    """The items: their ids, titles, raw content (read on access) and metadata."""

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    contents: Mapping[str, Sequence[Raw | None]] = field(default_factory=dict)
    metadata: tuple[ItemMetadata, ...] = ()  # (n,) or empty

    def __len__(self) -> int:
        return len(self.ids)

    def content(self, modality: str) -> Sequence[Raw | None]:
        """Return one entry per item, None where it has none; all None for a modality nobody has."""
        return self.contents.get(modality, (None,) * len(self.ids))


@dataclass(frozen=True)
class Learnable:
    """What may be learned from and chosen on: there is no test in it to be looked at."""

    catalog: Catalog
    train: Interactions
    valid: Interactions


FindingLevel: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One finding: errors must be fixed, warnings should be known, notes are information."""

    level: FindingLevel
    what: str
    count: int
    examples: tuple[str, ...] = ()
    remedy: str = ""

    def __str__(self) -> str:
        """Return one line.

        >>> str(Finding("note", "empty rows", 2, ("line 3", "line 8"), "they are dropped"))
        '2 empty rows (line 3, line 8); they are dropped'
        """
        examples = f" ({', '.join(self.examples)})" if self.examples else ""
        count = f"{self.count:,} " if self.count else ""
        return f"{count}{self.what}{examples}" + (f"; {self.remedy}" if self.remedy else "")
