"""What aligners share: checks of views and settings, and the affine map of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polyrec.contracts import BasePart, learned, part
from polyrec.errors import ConfigError, FitError, nearest
from polyrec.types import Embeddings, Floats, Views

if TYPE_CHECKING:
    from polyrec.align.torch_modules import AffineModule


def check_settings(ridge: float, **widths: int | None) -> None:
    """Raise `ConfigError` unless the ridge is at least 0 and the widths are at least 1."""
    if not ridge >= 0:
        raise ConfigError("ridge is out of range", received=ridge, remedy="give 0 or more")
    for name, width in widths.items():
        if width is not None and width < 1:
            raise ConfigError(f"{name} is out of range", received=width, remedy="give 1 or more")


def zero_absent(views: Views) -> dict[str, Embeddings]:
    """Return copies of the views in the order of their names, absent rows set to 0.

    A present row that is not finite raises `FitError`.
    """
    copies = {}
    for name, view in sorted(views.items()):
        vectors = np.where(view.present[:, None], view.vectors, np.float32(0))
        if not np.isfinite(vectors).all():
            remedy = "flag such rows as absent"
            raise FitError("features are not finite", received=name, remedy=remedy)
        copies[name] = Embeddings(vectors, view.present.copy(), view.problems, view.space)
    return copies


def check_views(views: Views, widths: Mapping[str, int]) -> dict[str, Embeddings]:
    """Return `zero_absent(views)`; a view that `widths` (view -> d) lack raises `FitError`."""
    for name, view in views.items():
        if name not in widths:
            remedy = nearest(name, widths)
            raise FitError("a view unknown at fit", received=name, remedy=remedy)
        if view.width != widths[name]:
            remedy = f"encode it as at fit, {widths[name]} wide"
            raise FitError(
                f"{name} has another width than at fit", received=view.width, remedy=remedy
            )
    return zero_absent(views)


@part
class AffineAligner(BasePart):
    """Rows z = (x - mean) map of each view, absent rows 0; `fit` of each aligner has its file."""

    means_: dict[str, Floats] = learned()  # view -> (d,)
    maps_: dict[str, Floats] = learned()  # view -> (d, width)

    space: ClassVar[str] = ""
    """The space that aligned rows lie in; "" leaves each view in the space that it had."""

    def align(self, views: Views) -> Views:
        """Return the views mapped, absent rows 0; views that don't fit raise `FitError`."""
        widths = {name: len(mean) for name, mean in self.means_.items()}
        aligned = {}
        for name, view in check_views(views, widths).items():
            centred = np.where(
                view.present[:, None], view.vectors - self.means_[name], np.float32(0)
            )
            space = self.space or view.space
            aligned[name] = Embeddings(
                centred @ self.maps_[name], view.present, view.problems, space
            )
        return aligned

    def torch_module(self) -> AffineModule:
        """Return a module that maps {view: (b, d)} and {view: (b,) bool} to what `align` returns.

        Its maps don't require gradients until a trainer says so: aligners stay as they were fitted
        while encoders train (decision 13).
        """
        from polyrec.align.torch_modules import AffineModule

        return AffineModule(self.means_, self.maps_)

    def load_torch_module(self, module: Any) -> None:
        """Replace means and maps by those of a module from `torch_module`."""
        self.means_, self.maps_ = module.arrays()
