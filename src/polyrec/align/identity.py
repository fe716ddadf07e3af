"""Leave the views as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from polyrec.align.validation import check_views, zero_absent
from polyrec.types import Interactions, Views


@dataclass
class Identity:
    """Each view stays in its own space; only absent rows are set to 0.

    >>> Identity().fit({}, None).align({})
    {}
    """

    widths_: dict[str, int] = field(init=False, repr=False, compare=False)  # view -> d

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Remember the views."""
        self.widths_ = {name: view.width for name, view in zero_absent(views).items()}
        return self

    def align(self, views: Views) -> Views:
        """Return the same views; one that doesn't fit those at fit raises `FitError`."""
        return check_views(views, self.widths_)
