"""The contracts catch broken aligners and fusers: each here has one fault, and one test sees it.

The sound part that it was made from must pass the same test.
"""

from dataclasses import replace

import numpy as np
import pytest

from contracts import test_aligners, test_fusers
from polyrec.align.whiten import Whiten
from polyrec.contracts import part
from polyrec.errors import PolyrecError
from polyrec.fuse.concat import Concat
from polyrec.types import Embeddings, Interactions, Views

CATCHES = (AssertionError, PolyrecError)


@part
class ReadsAbsentRows(Whiten):
    def fit(self, views: Views, train: Interactions) -> "ReadsAbsentRows":
        super().fit(views, train)
        self.means_ = {n: np.float32((v.vectors > 0).mean(axis=0)) for n, v in views.items()}
        return self


@part
class MarksAbsentRowsPresent(Whiten):
    def align(self, views: Views) -> Views:
        aligned = super().align(views)
        return {n: replace(v, present=np.ones(len(v), bool)) for n, v in aligned.items()}


@part
class LeavesContentInAbsentRows(Whiten):
    def align(self, views: Views) -> Views:
        aligned = super().align(views)
        return {n: replace(v, vectors=v.vectors + np.float32(0.5)) for n, v in aligned.items()}


@part
class NumbersItems(Whiten):
    def align(self, views: Views) -> Views:
        order = {n: np.arange(len(v))[:, None] * v.present[:, None] for n, v in views.items()}
        return {
            n: replace(v, vectors=np.float32(v.vectors + order[n]))
            for n, v in super().align(views).items()
        }


@part
class FollowsTheFirstItem(Whiten):
    def fit(self, views: Views, train: Interactions) -> "FollowsTheFirstItem":
        super().fit(views, train)
        for name, view in views.items():
            first = view.vectors[view.present][:1]
            self.maps_[name] = self.maps_[name] * np.sign(first.sum() or 1)
        return self


@part
class CentresInPlace(Whiten):
    def fit(self, views: Views, train: Interactions) -> "CentresInPlace":
        super().fit(views, train)
        for name, view in views.items():
            view.vectors[view.present] -= self.means_[name]
        return self


@part
class RemembersTheLastMeans(Whiten):
    def fit(self, views: Views, train: Interactions) -> "RemembersTheLastMeans":
        before = getattr(self, "means_", {})
        super().fit(views, train)
        self.means_ = {n: (m + before.get(n, m)) / 2 for n, m in self.means_.items()}
        return self


@part
class LosesItsScale(Whiten):
    def fit(self, views: Views, train: Interactions) -> "LosesItsScale":
        super().fit(views, train)
        self.scale = np.float32(2)
        return self

    def align(self, views: Views) -> Views:
        scale = getattr(self, "scale", np.float32(1))
        aligned = super().align(views)
        return {n: replace(v, vectors=v.vectors * scale) for n, v in aligned.items()}


@part
class TrainsThroughOtherMeans(Whiten):
    def torch_module(self) -> object:
        module = super().torch_module()
        module.means[0].data.add_(1)
        return module


ALIGNERS = [
    (ReadsAbsentRows, test_aligners.test_absent_stays_absent_and_its_content_changes_no_bit),
    (MarksAbsentRowsPresent, test_aligners.test_absent_stays_absent_and_its_content_changes_no_bit),
    (
        LeavesContentInAbsentRows,
        test_aligners.test_absent_stays_absent_and_its_content_changes_no_bit,
    ),
    (NumbersItems, test_aligners.test_permuted_items_come_out_permuted),
    (
        FollowsTheFirstItem,
        test_aligners.test_the_order_of_items_and_views_at_fit_does_not_matter,
    ),
    (CentresInPlace, test_aligners.test_inputs_stay_as_they_were),
    (RemembersTheLastMeans, test_aligners.test_fit_forgets_the_past),
    (LosesItsScale, test_aligners.test_learned_state_comes_back_from_a_bundle),
]


@pytest.mark.parametrize(("broken", "promise"), ALIGNERS, ids=lambda x: x.__name__)
def test_a_broken_aligner_is_caught(broken: type, promise) -> None:
    promise(Whiten())
    with pytest.raises(CATCHES):
        promise(broken())


def test_an_aligner_whose_torch_module_differs_is_caught() -> None:
    pytest.importorskip("torch", reason="extra torch is not installed")
    names = ("text", "image", "audio")
    test_aligners.test_the_torch_module_computes_what_align_does(Whiten(), names)
    with pytest.raises(CATCHES):
        test_aligners.test_the_torch_module_computes_what_align_does(
            TrainsThroughOtherMeans(), names
        )


@part
class FusesAbsentRows(Concat):
    def fuse(self, views: Views) -> Embeddings:
        fused = super().fuse(views)
        counts = sum((view.vectors > 0).any(axis=1) for view in views.values())
        return replace(fused, vectors=fused.vectors * np.float32(1 - counts / 8)[:, None])


@part
class NeedsEveryView(Concat):
    def fuse(self, views: Views) -> Embeddings:
        everywhere = np.logical_and.reduce([view.present for view in views.values()])
        return replace(super().fuse(views), present=everywhere)


@part
class NumbersFusedItems(Concat):
    def fuse(self, views: Views) -> Embeddings:
        fused = super().fuse(views)
        order = np.arange(len(fused))[:, None] / np.float32(max(1, len(fused)))
        return replace(fused, vectors=np.float32(fused.vectors * (1 - order / 2)))


@part
class FollowsTheOrderOfViews(Concat):
    def fit(self, views: Views, train: Interactions) -> "FollowsTheOrderOfViews":
        super().fit(views, train)
        self.weights_ = {name: self.weights_[name] for name in views if name in self.weights_}
        self.widths_ = {name: self.widths_[name] for name in self.weights_}
        return self


@part
class ScalesInPlace(Concat):
    def fuse(self, views: Views) -> Embeddings:
        fused = super().fuse(views)
        for view in views.values():
            np.multiply(view.vectors, 2, out=view.vectors)
        return fused


@part
class FusedLosesItsWeights(Concat):
    def fit(self, views: Views, train: Interactions) -> "FusedLosesItsWeights":
        super().fit(views, train)
        self.boost = np.float32(0.5)
        return self

    def fuse(self, views: Views) -> Embeddings:
        fused = super().fuse(views)
        return replace(fused, vectors=fused.vectors * getattr(self, "boost", np.float32(1)))


FUSERS = [
    (FusesAbsentRows, test_fusers.test_what_absent_rows_hold_changes_no_bit, {"behaviour": True}),
    (NeedsEveryView, test_fusers.test_an_item_is_present_where_any_view_is, {}),
    (NumbersFusedItems, test_fusers.test_permuted_items_come_out_permuted, {}),
    (
        FollowsTheOrderOfViews,
        test_fusers.test_order_of_views_and_the_fused_view_do_not_matter,
        {},
    ),
    (ScalesInPlace, test_fusers.test_inputs_stay_as_they_were, {}),
    (FusedLosesItsWeights, test_fusers.test_learned_state_comes_back_from_a_bundle, {}),
]


@pytest.mark.parametrize(("broken", "promise", "arguments"), FUSERS)
def test_a_broken_fuser_is_caught(broken: type, promise, arguments: dict) -> None:
    promise(Concat(), **arguments)
    with pytest.raises(CATCHES):
        promise(broken(), **arguments)
