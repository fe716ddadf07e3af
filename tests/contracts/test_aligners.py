"""What every registered aligner promises.

A test takes an aligner that is not fitted, so that it can be called for any part.
"""

from dataclasses import replace

import numpy as np
import pytest

from contracts.catalogues import (
    JUNK,
    ODD,
    odd_views,
    same_views,
    sample_events,
    sample_views,
    with_junk,
)
from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Aligner, HasTorchModule
from polyrec.errors import FitError
from polyrec.registry import find_class, registered_parts
from polyrec.types import Embeddings


@pytest.fixture(params=sorted(registered_parts("align")))
def aligner(request: pytest.FixtureRequest) -> Aligner:
    part = find_class("align", request.param)
    return part(**part.small)


def test_it_is_an_aligner_whose_settings_make_it_again(aligner: Aligner) -> None:
    assert isinstance(aligner, Aligner)
    assert make_part(type(aligner), part_state.part_settings(aligner), where="align") == aligner


def test_absent_stays_absent_and_its_content_changes_no_bit(aligner: Aligner) -> None:
    views = sample_views()
    aligned = aligner.fit(views, None).align(views)
    for name, rows in aligned.items():
        if not aligner.fills_absent:
            assert np.array_equal(rows.present, views[name].present)
        assert not (views[name].present & ~rows.present).any()
        assert not rows.vectors[~rows.present].any()
        assert rows.vectors.dtype == np.float32
    for junk in JUNK:
        other = with_junk(views, junk)
        assert same_views(replace(aligner).fit(other, None).align(other), aligned)


def test_absent_items_are_as_good_as_not_there(aligner: Aligner) -> None:
    views = {n: Embeddings(v.vectors, np.ones(40, bool)) for n, v in sample_views().items()}
    more = {
        n: Embeddings(np.vstack([v.vectors, sample_views(9)[n].vectors]), np.arange(80) < 40)
        for n, v in views.items()
    }
    aligned = replace(aligner).fit(more, None).align(views)
    assert same_views(aligned, aligner.fit(views, None).align(views))


def test_the_order_of_items_and_views_at_fit_does_not_matter(aligner: Aligner) -> None:
    if aligner.is_random:
        pytest.skip("batches follow the order of items")
    views = sample_views()
    order = np.random.default_rng(3).permutation(40)
    shuffled = {n: v.take(order) for n, v in reversed(views.items())}
    one = replace(aligner).fit(views, None).align(views)
    two = aligner.fit(shuffled, None).align(views)
    for name, rows in one.items():
        assert np.allclose(two[name].vectors, rows.vectors, atol=1e-4)


def test_inputs_stay_as_they_were(aligner: Aligner) -> None:
    views, before = sample_views(), sample_views()
    aligned = aligner.fit(views, None).align(views)
    for rows in aligned.values():
        rows.vectors[:] = 7
        rows.present[:] = True
    assert same_views(views, before)


def test_fit_forgets_the_past(aligner: Aligner) -> None:
    views = sample_views()
    once = replace(aligner).fit(views, None).align(views)
    assert same_views(aligner.fit(sample_views(5, 9), None).fit(views, None).align(views), once)


def test_learned_state_comes_back_from_a_bundle(aligner: Aligner) -> None:
    views, fresh = sample_views(), replace(aligner)
    once = aligner.fit(views, None).align(views)
    part_state.load_learned(fresh, *part_state.dump_learned(aligner))
    assert same_views(fresh.align(views), once)


def test_permuted_items_come_out_permuted(aligner: Aligner) -> None:
    views = sample_views()
    order = np.random.default_rng(3).permutation(40)
    aligner.fit(views, None)
    moved = aligner.align({n: v.take(order) for n, v in views.items()})
    for name, rows in aligner.align(views).items():
        assert np.allclose(moved[name].vectors, rows.vectors[order], atol=1e-6)


def test_a_view_alone_and_new_items_are_aligned_alike(aligner: Aligner) -> None:
    views = sample_views()
    aligner.fit(views, None)
    few = aligner.align({"text": views["text"].take([3, 4])})
    assert list(few) == ["text"]
    expected = aligner.align(views)["text"].vectors[[3, 4]]
    assert np.allclose(few["text"].vectors, expected, atol=1e-6)


@pytest.mark.parametrize("behaviour", [False, True])
@pytest.mark.parametrize("case", ODD)
def test_odd_catalogues_give_finite_rows(aligner: Aligner, case: str, behaviour: bool) -> None:
    views = odd_views(case)
    items = len(next(iter(views.values()), ()))
    aligner.fit(views, sample_events(items) if behaviour else None)
    aligned = aligner.align(views)
    assert aligned.keys() == views.keys()
    for name, rows in aligned.items():
        assert np.isfinite(rows.vectors).all()
        assert not rows.vectors[~rows.present].any()
        assert len(rows) == len(views[name])
    # an item added later
    new = {n: v.take([3, 5]) for n, v in sample_views().items() if n in views}
    assert all(np.isfinite(rows.vectors).all() for rows in aligner.align(new).values())


def test_views_that_do_not_fit_are_refused(aligner: Aligner) -> None:
    views = sample_views()
    broken = views["text"].vectors.copy()
    broken[views["text"].present.argmax()] = np.nan
    with pytest.raises(FitError, match="features are not finite: received 'text'"):
        aligner.fit(views | {"text": Embeddings(broken, views["text"].present)}, None)
    aligner.fit({"text": views["text"]}, None)
    with pytest.raises(FitError, match="a view unknown at fit: received 'image'"):
        aligner.align({"image": views["image"]})
    with pytest.raises(FitError, match="text has another width than at fit: received 5"):
        aligner.align({"text": Embeddings(views["text"].vectors[:, :5], views["text"].present)})
    with pytest.raises(FitError, match="features are not finite: received 'text'"):
        aligner.align({"text": Embeddings(broken, views["text"].present)})


@pytest.mark.parametrize("names", [("text", "image", "audio"), ("audio", "text"), ("image",)])
def test_the_torch_module_computes_what_align_does(
    aligner: Aligner, names: tuple[str, ...]
) -> None:
    if not isinstance(aligner, HasTorchModule):
        pytest.skip("it has no torch module")
    torch = pytest.importorskip("torch", reason="extra torch is not installed")
    fitted = sample_views()
    views = with_junk({name: sample_views(1)[name] for name in names})
    expected = aligner.fit(fitted, sample_events(40)).align(views)
    module = aligner.torch_module()
    rows = {n: torch.tensor(v.vectors, requires_grad=True) for n, v in views.items()}
    present = {n: torch.tensor(v.present) for n, v in views.items()}
    aligned = module(rows, present)
    assert aligned.keys() == expected.keys()
    for name, view in expected.items():
        assert np.allclose(aligned[name].detach().numpy(), view.vectors, atol=1e-5)
    sum(x.square().sum() for x in aligned.values()).backward()
    for name, view in views.items():
        gradient = rows[name].grad.numpy()
        assert np.isfinite(gradient).all()
        assert gradient[view.present].any()
        assert not gradient[~view.present].any()


def test_a_torch_module_trained_further_is_taken_over(aligner: Aligner) -> None:
    if not isinstance(aligner, HasTorchModule):
        pytest.skip("it has no torch module")
    torch = pytest.importorskip("torch", reason="extra torch is not installed")
    views = sample_views()
    before = aligner.fit(views, sample_events(40)).align(views)
    module = aligner.torch_module()
    assert not any(weights.requires_grad for weights in module.parameters())
    aligner.load_torch_module(module)
    assert same_views(aligner.align(views), before)
    with torch.no_grad():
        for weights in module.parameters():
            weights.mul_(1.5).add_(0.1)
    assert same_views(aligner.align(views), before)  # the weights are the module's own
    aligner.load_torch_module(module)
    rows = {n: torch.tensor(v.vectors) for n, v in views.items()}
    present = {n: torch.tensor(v.present) for n, v in views.items()}
    for name, x in module(rows, present).items():
        assert np.allclose(aligner.align(views)[name].vectors, x.numpy(), atol=1e-5)
