"""What aligners share that map each view's rows by (x - mean) map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polyrec.align.validation import check_views
from polyrec.contracts import BasePart, learned, part
from polyrec.types import Embeddings, Floats, Views

if TYPE_CHECKING:
    from polyrec.align.torch_modules import AffineModule


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
