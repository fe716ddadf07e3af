"""From content to the inputs of an item tower, as one network that is trained with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.contracts import HasTorchModule
from polyrec.errors import FitError
from polyrec.recommend.two_tower.end_to_end_inputs import EndToEndInputs
from polyrec.types import FUSED

_FRESH = 128  # items that go through the encoders in one step
_BATCH = 256

States = dict[str, Any]
"""View -> (b, d) rows, those of absent content 0."""


class EndToEndNetwork(nn.Module):
    """Content of all items, a few at a time computed anew by the encoders.

    A step sends up to 128 of the items that it uses through the networks; the others are in the
    table as they were when last computed (cross-batch memory, Wang et al., CVPR 2020). Before
    anything is measured the table is computed anew.
    """

    def __init__(self, inputs: EndToEndInputs, names: Sequence[str], generator: Any) -> None:
        super().__init__()
        check_trainable(inputs)
        self._inputs, self._names, self._generator = inputs, list(names), generator
        encoders = inputs.encoders
        self.networks = nn.ModuleDict(
            {f"view_{name}": encoders[name].torch_module() for name in inputs.prepared}
        )
        self.aligner = inputs.aligner.torch_module()
        self.fuser = inputs.fuser.torch_module()
        present = {name: torch.from_numpy(view.present) for name, view in inputs.views.items()}
        for name, prepared in inputs.prepared.items():
            decoded = torch.tensor([content is not None for content in prepared])
            present[name] = present[name] & decoded
        self._present = present
        self._stale = True
        count = len(next(iter(inputs.views.values())))
        self.eval()
        with torch.no_grad():
            self.register_buffer("table", self._all(count))

    def content(self, used: Any, *, learning: bool) -> Any:
        """Return (n, width): all items; while learning, those used (any shape) computed anew."""
        if not learning:
            if self._stale:
                with torch.no_grad():
                    self.table.copy_(self._all(len(self.table)))
                self._stale = False
            return self.table
        rows = torch.unique(used).cpu()
        if len(rows) > _FRESH:
            rows = rows[torch.randperm(len(rows), generator=self._generator)[:_FRESH]]
        fresh = self(rows, altered=True)
        rows = rows.to(fresh.device)
        content = self.table.index_copy(0, rows, fresh)
        self.table[rows] = fresh.detach()
        self._stale = True
        return content

    def forward(self, rows: Any, *, altered: bool) -> Any:
        """Return (b, width) of these items, as the towers read them."""
        present = {name: view[rows].to(self._device) for name, view in self._present.items()}
        states = {name: self._encoded(name, rows, altered=altered) for name in self._inputs.views}
        aligned = self.aligner(states, present)
        if self._names != [FUSED]:
            return torch.cat([aligned[name] for name in self._names], dim=1)
        return self.fuser(aligned, present)

    def keep(self) -> None:
        """Give encoders and fuser what they have learned."""
        for name in self._inputs.prepared:
            self._inputs.encoders[name].load_torch_module(self.networks[f"view_{name}"])
        self._inputs.fuser.load_torch_module(self.fuser)

    @property
    def _device(self) -> Any:
        return next(self.networks.parameters()).device

    def _all(self, count: int) -> Any:
        batches = torch.arange(count).split(_BATCH)
        return torch.cat([self(batch, altered=False) for batch in batches])

    def _encoded(self, name: str, rows: Any, *, altered: bool) -> Any:
        view = self._inputs.views[name]
        if name not in self._inputs.prepared:
            known = torch.from_numpy(view.vectors)[rows]
            return torch.where(self._present[name][rows, None], known, 0).to(self._device)
        encoded = torch.zeros(len(rows), view.width, device=self._device)
        present = torch.nonzero(self._present[name][rows])[:, 0]
        if len(present):
            encoder, prepared = self._inputs.encoders[name], self._inputs.prepared[name]
            inputs = encoder.collate([prepared[row] for row in rows[present].tolist()])
            inputs = encoder.augment(inputs, self._generator) if altered else inputs
            fresh = F.normalize(self.networks[f"view_{name}"](inputs.to(self._device)), dim=1)
            encoded = encoded.index_copy(0, present.to(self._device), fresh.to(encoded.dtype))
        return encoded


def check_trainable(inputs: EndToEndInputs) -> None:
    """Raise `FitError` unless some encoder learns, and gradients pass aligner and fuser."""
    if not inputs.prepared:
        remedy = "name an encoder that is trained on the catalogue (text_lstm, image_cnn, ...)"
        raise FitError("no encoder learns", received=list(inputs.encoders), remedy=remedy)
    for kind, part in (("aligner", inputs.aligner), ("fuser", inputs.fuser)):
        if not isinstance(part, HasTorchModule):
            raise FitError(
                f"this {kind} can't be trained through: it gives no torch module",
                received=type(part).__name__,
                remedy=f"choose another {kind}, or end_to_end: false",
            )
