"""The pages of a listing with a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from fastapi.responses import Response
from sqlalchemy.engine import Connection

from polyrec.serve.api.cursor import decode_cursor, encode_cursor
from polyrec.serve.api.page_params import page_size
from polyrec.serve.api.streams import STEP_ROWS, json_list, json_object, json_stream, read_in_steps
from polyrec.serve.service import Service

Row = TypeVar("Row")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """All rows of a table by key, page by page, each page read and written in steps."""

    name: str  # that its cursors are good for
    field: str  # of the rows in the body
    fetch: Callable[[Connection, Key | None, int], list[Row]]
    key: Callable[[Row], Key]
    body: Callable[[Row], dict[str, Any]]

    async def page(self, service: Service, n: int | None, cursor: str) -> Response:
        """Return a page: its rows, and the cursor of the next page, empty at the end."""
        count = page_size(service, n)
        after = decode_cursor(cursor, listing=self.name, secret=service.database.secret)
        pieces = self._pieces(service, count, after)
        return await json_stream(service, pieces, is_light=count <= STEP_ROWS)

    def _pieces(self, service: Service, count: int, after: Key | None) -> Iterator[bytes]:
        rows = read_in_steps(service, self.fetch, self.key, after=after, count=count + 1)
        last: Key | None = None  # of the page, if rows are left

        def bodies() -> Iterator[dict[str, Any]]:
            nonlocal last
            for number, row in enumerate(rows):
                if number == count:
                    return
                last = self.key(row)
                yield self.body(row)
            last = None

        def next_cursor() -> Iterator[bytes]:  # known once the rows are written
            secret = service.database.secret
            yield orjson.dumps(
                encode_cursor(last, listing=self.name, secret=secret) if last else ""
            )

        return json_object({self.field: json_list(bodies()), "Cursor": next_cursor()})
