"""What every registered fuser promises.

A test takes a fuser that is not fitted, so that it can be called for any part.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contracts.catalogues import JUNK, ODD, odd_views, sample_events, sample_views, with_junk
from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Fuser, HasTorchModule
from polyrec.errors import FitError
from polyrec.registry import find_class, registered_parts
from polyrec.types import FUSED, Bools, Embeddings


def small_fuser(name: str) -> Fuser:
    part = find_class("fuse", name)
    return part(**part.small)


@pytest.fixture(params=sorted(registered_parts("fuse")))
def fuser(request: pytest.FixtureRequest) -> Fuser:
    return small_fuser(request.param)


def present_anywhere(views: dict[str, Embeddings]) -> Bools:
    return np.logical_or.reduce([view.present for view in views.values()])


def test_it_is_a_fuser_whose_settings_make_it_again(fuser: Fuser) -> None:
    assert isinstance(fuser, Fuser)
    assert make_part(type(fuser), part_state.part_settings(fuser), where="fuse") == fuser


@pytest.mark.parametrize("case", ODD)
def test_odd_catalogues_give_finite_rows(fuser: Fuser, case: str) -> None:
    views = odd_views(case)
    fuser.fit(views, sample_events(len(next(iter(views.values()), ()))))
    fused = fuser.fuse(views)
    assert np.isfinite(fused.vectors).all()
    assert fused.vectors.dtype == np.float32
    if not views:
        assert fused.vectors.shape == (0, 0)
        return
    assert np.array_equal(fused.present, present_anywhere(views))
    assert not fused.vectors[~fused.present].any()
    assert np.isfinite(fuser.fuse(sample_views()).vectors).all()


def test_an_item_is_present_where_any_view_is(fuser: Fuser) -> None:
    views = sample_views()
    nobody = {n: Embeddings(v.vectors, v.present & False) for n, v in views.items()}
    zero = {n: Embeddings(v.vectors * 0, v.present) for n, v in views.items()}
    for catalogue in (views, nobody, zero):
        fused = fuser.fit(catalogue, None).fuse(catalogue)
        anywhere = present_anywhere(catalogue)
        assert np.array_equal(fused.present, anywhere)
        assert not fused.vectors[~anywhere].any()
    assert not fused.vectors.any()


def test_items_with_all_views_do_not_depend_on_those_without(fuser: Fuser) -> None:
    views = sample_views()
    fuser.fit(views, sample_events(40))
    everywhere = np.logical_and.reduce([v.present for v in views.values()])
    alone = fuser.fuse({n: v.take(np.flatnonzero(everywhere)) for n, v in views.items()})
    assert np.allclose(fuser.fuse(views).vectors[everywhere], alone.vectors, atol=1e-6)


@pytest.mark.parametrize("behaviour", [False, True])
def test_what_absent_rows_hold_changes_no_bit(fuser: Fuser, behaviour: bool) -> None:
    views, train = sample_views(), sample_events(40) if behaviour else None
    fused = fuser.fit(views, train).fuse(views)
    for junk in JUNK:
        other = with_junk(views, junk)
        assert np.array_equal(fuser.fuse(other).vectors, fused.vectors)
        again = replace(fuser).fit(other, train).fuse(views)
        assert np.array_equal(again.vectors, fused.vectors)


@pytest.mark.parametrize("name", sorted(registered_parts("fuse")))
@settings(max_examples=10)  # each fits three times
@given(case=st.data())
def test_rows_are_no_longer_than_one_and_units_do_not_matter(
    name: str, case: st.DataObject
) -> None:
    rows = arrays(np.float32, (4, 3), elements=st.integers(-9, 9).map(float))
    presence = arrays(np.bool_, 4)
    views = {n: Embeddings(case.draw(rows), case.draw(presence)) for n in ("a", "b")}
    fused = small_fuser(name).fit(views, None).fuse(views)
    assert (np.linalg.norm(fused.vectors, axis=1) < 1 + 1e-5).all()
    assert np.array_equal(fused.present, views["a"].present | views["b"].present)
    assert not fused.vectors[~fused.present].any()
    for scale in np.float32([2**-100, 2**100]):
        scaled = {n: Embeddings(v.vectors * scale, v.present) for n, v in views.items()}
        again = small_fuser(name).fit(scaled, None).fuse(scaled)
        assert np.allclose(again.vectors, fused.vectors, atol=1e-6)


def test_inputs_stay_as_they_were(fuser: Fuser) -> None:
    views = sample_views()
    fused = fuser.fit(views, sample_events(40)).fuse(views)
    fused.vectors[:] = 7
    fused.present[:] = True
    for name, view in sample_views().items():
        assert np.array_equal(views[name].vectors, view.vectors)
        assert np.array_equal(views[name].present, view.present)


def test_fit_forgets_the_past_and_the_same_seed_learns_the_same(fuser: Fuser) -> None:
    views, train = sample_views(), sample_events(40)
    once = replace(fuser).fit(views, train).fuse(views).vectors
    other = {"smell": Embeddings(np.ones((2, 9), np.float32), np.ones(2, bool))}
    again = fuser.fit(other, None).fit(views, train).fuse(views).vectors
    assert np.array_equal(again, once)


def test_views_that_do_not_fit_are_refused(fuser: Fuser) -> None:
    views = sample_views()
    fuser.fit(views, None)
    broken = np.full((40, 6), np.inf, np.float32)
    with pytest.raises(FitError, match="features are not finite: received 'text'"):
        fuser.fuse(views | {"text": Embeddings(broken, views["text"].present)})
    with pytest.raises(FitError, match="text has another width than at fit: received 2"):
        fuser.fuse(views | {"text": Embeddings(broken[:, :2], views["text"].present)})


def test_order_of_views_and_the_fused_view_do_not_matter(fuser: Fuser) -> None:
    views = sample_views()
    reordered = dict(reversed(views.items())) | {FUSED: views["text"]}
    one = replace(fuser).fit(views, None).fuse(views)
    two = fuser.fit(reordered, None).fuse(reordered)
    assert np.array_equal(one.vectors, two.vectors)


def test_a_missing_view_counts_as_absent(fuser: Fuser) -> None:
    views = sample_views()
    fuser.fit(views, None)
    absent = Embeddings(np.zeros((40, 6), np.float32), np.zeros(40, bool))
    others = {n: v for n, v in views.items() if n != "image"}
    assert np.array_equal(fuser.fuse(others).vectors, fuser.fuse(views | {"image": absent}).vectors)


def test_permuted_items_come_out_permuted(fuser: Fuser) -> None:
    views = sample_views()
    fuser.fit(views, None)
    order = np.random.default_rng(3).permutation(40)
    moved = fuser.fuse({n: v.take(order) for n, v in views.items()})
    assert np.allclose(moved.vectors, fuser.fuse(views).vectors[order], atol=1e-6)


def test_learned_state_comes_back_from_a_bundle(fuser: Fuser) -> None:
    views, fresh = sample_views(), replace(fuser)
    once = fuser.fit(views, sample_events(40)).fuse(views)
    part_state.load_learned(fresh, *part_state.dump_learned(fuser))
    assert np.array_equal(fresh.fuse(views).vectors, once.vectors)


@pytest.mark.parametrize("names", [("text", "image", "audio"), ("audio", "text"), ("image",)])
def test_the_torch_module_computes_what_fuse_does(fuser: Fuser, names: tuple[str, ...]) -> None:
    if not isinstance(fuser, HasTorchModule):
        pytest.skip("it has no torch module")
    torch = pytest.importorskip("torch", reason="extra torch is not installed")
    views = with_junk({name: sample_views(1)[name] for name in names})
    expected = fuser.fit(sample_views(), sample_events(40)).fuse(views)
    module = fuser.torch_module().eval()
    rows = {n: torch.tensor(v.vectors, requires_grad=True) for n, v in views.items()}
    present = {n: torch.tensor(v.present) for n, v in views.items()}
    fused = module(rows | {"smell": torch.full((40, 2), np.nan)}, present)
    assert np.allclose(fused.detach().numpy(), expected.vectors, atol=1e-5)
    (fused * torch.arange(fused.shape[1])).sum().backward()
    for name, view in views.items():
        gradient = rows[name].grad.numpy()
        assert np.isfinite(gradient).all()
        assert gradient[view.present].any()
        assert not gradient[~view.present].any()


def test_a_torch_module_trained_further_is_taken_over(fuser: Fuser) -> None:
    if not isinstance(fuser, HasTorchModule):
        pytest.skip("it has no torch module")
    torch = pytest.importorskip("torch", reason="extra torch is not installed")
    views = sample_views()
    before = fuser.fit(views, sample_events(40)).fuse(views).vectors
    module = fuser.torch_module().eval()
    fuser.load_torch_module(module)
    assert np.array_equal(fuser.fuse(views).vectors, before)
    with torch.no_grad():
        for weights in module.parameters():
            weights.add_(torch.linspace(0, 1, weights.numel()).reshape(weights.shape))
    assert np.array_equal(fuser.fuse(views).vectors, before)  # the weights are the module's own
    fuser.load_torch_module(module)
    rows = {n: torch.tensor(v.vectors) for n, v in views.items()}
    present = {n: torch.tensor(v.present) for n, v in views.items()}
    assert np.allclose(fuser.fuse(views).vectors, module(rows, present).detach(), atol=1e-5)
