"""Leave the views as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from polyrec.types import Interactions, Views


@dataclass
class NoAlignment:
    """Each view stays in its own space.

    >>> NoAlignment().fit({}, None).align({})
    {}
    """

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - nothing to learn
        """Learn nothing."""
        return self

    def align(self, views: Views) -> Views:
        """Return the same views."""
        return dict(views)
