"""From content to the inputs of an item tower, as one network that is trained with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.align.cosine import CosineWeighted
from polyrec.align.projection_heads import ProjectionHeads
from polyrec.errors import FitError
from polyrec.fuse.concat import Concat
from polyrec.fuse.mean import WeightedMean
from polyrec.fuse.trained import TrainedFuser
from polyrec.recommend.two_tower.end_to_end_inputs import EndToEndInputs
from polyrec.types import FUSED

_FRESH = 128  # items that go through the encoders in one step
_AT_ONCE = 256

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
        self.networks = nn.ModuleDict(
            {f"view_{name}": inputs.encoders[name].torch_module() for name in inputs.prepared}
        )
        self.join: Any = (
            inputs.fuser.torch_module() if isinstance(inputs.fuser, TrainedFuser) else None
        )
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
        states = _aligned(self._inputs.aligner, states, present)
        states = {name: x * present[name][:, None] for name, x in states.items()}
        if self._names != [FUSED]:
            return torch.cat([states[name] for name in self._names], dim=1)
        return self._fused(states, present)

    def keep(self) -> None:
        """Give encoders and fuser what they have learned."""
        for name in self._inputs.prepared:
            self._inputs.encoders[name].load_torch_module(self.networks[f"view_{name}"])
        if self.join is not None:
            self._inputs.fuser.load_torch_module(self.join)

    @property
    def _device(self) -> Any:
        return next(self.parameters()).device

    def _all(self, count: int) -> Any:
        pieces = torch.arange(count).split(_AT_ONCE)
        return torch.cat([self(piece, altered=False) for piece in pieces])

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

    def _fused(self, states: States, present: States) -> Any:
        fuser = self._inputs.fuser
        if self.join is None:
            return _FUSE[type(fuser)](fuser, states, present)
        return self.join(states, present)


def check_trainable(inputs: EndToEndInputs) -> None:
    """Raise `FitError` unless all parts of the inputs can be gone through backwards."""
    if not inputs.prepared:
        remedy = "name an encoder that is trained here (text_lstm, image_cnn, ...)"
        raise FitError("no encoder learns", received=list(inputs.encoders), remedy=remedy)
    maps = getattr(inputs.aligner, "maps_", {})
    if any(isinstance(one, Mapping) for one in maps.values()):
        remedy = "leave rows absent: two_tower stands that"
        raise FitError(
            "what is filled in can't be trained through",
            received=type(inputs.aligner).__name__,
            remedy=remedy,
        )
    if not isinstance(inputs.fuser, TrainedFuser) and type(inputs.fuser) not in _FUSE:
        remedy = "fuse.use: concat, mean, or one that is trained"
        received = type(inputs.fuser).__name__
        raise FitError("this fuser can't be trained through", received=received, remedy=remedy)


def _aligned(aligner: Any, states: States, present: States) -> States:
    """Return the rows as the fitted aligner brings them, by its own affine maps."""
    if not hasattr(aligner, "maps_"):
        return states
    found = {}
    for name, rows in states.items():
        mean, turn = (
            torch.from_numpy(np.asarray(part[name])).to(rows.device)
            for part in (aligner.means_, aligner.maps_)
        )
        found[name] = ((rows - mean) @ turn) * present[name][:, None]
    if isinstance(aligner, ProjectionHeads):
        return {name: F.normalize(rows, dim=1) for name, rows in found.items()}
    return _weighed(aligner, found, present) if isinstance(aligner, CosineWeighted) else found


def _weighed(aligner: CosineWeighted, states: States, present: States) -> States:
    """Return rows as long as they agree with the anchor's (see `CosineWeighted`)."""
    units = {name: F.normalize(rows, dim=1) for name, rows in states.items()}
    anchor = aligner.anchor_
    found = {}
    for name, unit in units.items():
        if name == anchor:
            found[name] = unit
            continue
        usual = torch.full((len(unit),), aligner.mean_weights_[name], device=unit.device)
        if anchor in units:
            agreed = (unit * units[anchor]).sum(dim=1).clamp(min=0)
            usual = torch.where(present[name] & present[anchor], agreed, usual)
        found[name] = unit * usual[:, None]
    return found


def _concat(fuser: Concat, states: States, present: States) -> Any:  # noqa: ARG001 - one form for all
    blocks = [w * F.normalize(states[name], dim=1) for name, w in fuser.weights_.items()]
    return F.normalize(torch.cat(blocks, dim=1), dim=1)


def _mean(fuser: WeightedMean, states: States, present: States) -> Any:
    total, weight = 0.0, 0.0
    for name, share in fuser.weights_.items():
        part = share * present[name][:, None].to(states[name].dtype)
        if fuser.lengths == "given":
            part = part * states[name].norm(dim=1, keepdim=True)
        total = total + part * F.normalize(states[name], dim=1)
        weight = weight + part
    return total / torch.where(weight > 0, weight, torch.ones_like(weight))


_FUSE: Mapping[type, Callable[[Any, States, States], Any]] = {
    Concat: _concat,
    WeightedMean: _mean,
}
"""Fuser without a network of its own -> what it does."""
