"""The page of a list and the filters on its items, declared once for all routes.

`recommend/{user_id}` alone parses its query by hand (`list_params`).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple, TypeAlias

from fastapi import Depends, Query
from pydantic import Field

from polyrec.index.filters import NO_FILTERS, Filters
from polyrec.serve.api.schemas import (
    MAX_OFFSET,
    Count,
    Id,
    Offset,
    PathId,
    StrictBody,
    Time,
    schema_example,
)
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService, Service

MAX_CATEGORIES = 100
OPEN_END = 2**62  # microseconds: before or after all times
IN_CATEGORIES = "Only items in all of these categories."
_Categories = Annotated[
    list[Annotated[str, Field(max_length=256)]] | None,
    Query(alias="category", max_length=MAX_CATEGORIES, description=IN_CATEGORIES),
]


def page_size(service: Service, n: int | None) -> int:
    """Return the requested size, else the default; raise 400 above the maximum."""
    if n is None:
        return service.settings.default_n
    maximum = service.settings.max_n
    if n > maximum:
        remedy = f"request at most {maximum:,}; continue with cursor or offset"
        raise http_error(400, "query.n is too large", received=n, remedy=remedy)
    return n


class ListPage(NamedTuple):
    """Which part of a list a request wants, and the filters on its items."""

    n: int
    offset: int
    filters: Filters = NO_FILTERS

    @property
    def depth(self) -> int:
        """Return the length of the list before the offset is cut off."""
        return self.n + self.offset


async def _page(service: CurrentService, n: Count = None, offset: Offset = 0) -> ListPage:
    return ListPage(page_size(service, n), offset)


Page: TypeAlias = Annotated[ListPage, Depends(_page)]
"""Of `n` and `offset`."""


async def _items_page(page: Page, categories: _Categories = None) -> ListPage:
    return page._replace(filters=category_filters(categories or ()))


ItemsPage: TypeAlias = Annotated[ListPage, Depends(_items_page)]
"""Of `n`, `offset` and `category`, which may be repeated."""


async def _category_page(page: Page, category: PathId, categories: _Categories = None) -> ListPage:
    return page._replace(filters=category_filters((category, *(categories or ()))))


CategoryPage: TypeAlias = Annotated[ListPage, Depends(_category_page)]
"""The same, with one more category in the path."""


def category_filters(categories: tuple[str, ...] | list[str]) -> Filters:
    """Return the filter on these categories; empty names, which Gorse's clients send, are none."""
    names = tuple(filter(None, categories))
    return Filters(names) if names else NO_FILTERS


class LabelRange(StrictBody):
    """A range of numbers with both ends; an end that is not sent is open."""

    model_config = schema_example(Min=5, Max=20)

    Min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    Max: Annotated[float, Field(allow_inf_nan=False)] | None = None


class TimeRange(StrictBody):
    """A range of times with both ends; an end that is not sent is open."""

    model_config = schema_example(After="2026-01-01T00:00:00Z")

    After: Time = None
    Before: Time = None

    def times(self) -> tuple[int, int] | None:
        """Return the range in microseconds, None if both ends are open."""
        if self.After is None and self.Before is None:
            return None
        return (
            -OPEN_END if self.After is None else self.After,
            OPEN_END if self.Before is None else self.Before,
        )


def _names(description: str) -> Any:
    return Field(default_factory=list, max_length=MAX_CATEGORIES, description=description)


class FilterBody(StrictBody):
    """The filters on items, as fields of a body."""

    Categories: list[str] = _names(IN_CATEGORIES)
    AnyCategories: list[str] = _names("Only items in one of these categories.")
    WithoutCategories: list[str] = _names("No items in one of these categories.")
    Labels: Annotated[
        dict[str, list[str]],
        Field(
            max_length=100,
            description='For each key, one of these labels; "" is the key of plain tags.',
        ),
    ] = Field(default_factory=dict)
    WithoutLabels: Annotated[
        dict[str, list[str]], Field(max_length=100, description="No items with these labels.")
    ] = Field(default_factory=dict)
    Ranges: Annotated[
        dict[str, LabelRange], Field(max_length=100, description="Ranges of numbers in Labels.")
    ] = Field(default_factory=dict)
    Times: Annotated[TimeRange | None, Field(description="A range of Timestamps.")] = None

    def filters(self) -> Filters:
        """Return the filters on items."""
        ranges = {
            key: (-math.inf if r.Min is None else r.Min, math.inf if r.Max is None else r.Max)
            for key, r in self.Ranges.items()
        }
        return Filters(
            tuple(self.Categories), self.Labels, ranges, tuple(self.AnyCategories),
            tuple(self.WithoutCategories), self.WithoutLabels,
            None if self.Times is None else self.Times.times(),
        )  # fmt: skip


class PageBody(FilterBody):
    """The page of a list and the filters on its items, as fields of a body."""

    N: Annotated[int, Field(ge=0)] = 10
    Offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    Exclude: Annotated[list[Id], Field(max_length=100_000)] = Field(default_factory=list)
