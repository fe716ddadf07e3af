"""Leave the views as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from polyrec.align.base import check_views, zero_absent
from polyrec.contracts import BasePart, learned, part
from polyrec.types import Interactions, Views

if TYPE_CHECKING:
    from polyrec.align.torch_modules import IdentityModule


@part
class Identity(BasePart):
    """Each view stays in its own space; only absent rows are set to 0.

    >>> Identity().fit({}, None).align({})
    {}
    """

    widths_: dict[str, int] = learned()  # view -> d

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Remember the widths of the views."""
        self.widths_ = {name: view.width for name, view in zero_absent(views).items()}
        return self

    def align(self, views: Views) -> Views:
        """Return the same views; one that doesn't fit those at fit raises `FitError`."""
        return check_views(views, self.widths_)

    def torch_module(self) -> IdentityModule:
        """Return a module that sets absent rows to 0, as `align` does."""
        from polyrec.align.torch_modules import IdentityModule

        return IdentityModule()

    def load_torch_module(self, module: Any) -> None:
        """Do nothing: such a module has no weights."""
