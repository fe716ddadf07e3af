import numpy as np
import pytest

from polyrec.align.cca import CCA
from polyrec.align.whiten import Whiten
from polyrec.types import Embeddings


def two_views(items: int = 1500, shared: int = 5) -> tuple[np.ndarray, dict[str, Embeddings]]:
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((items, shared))
    found = {}
    for name, width in (("image", 30), ("text", 20)):
        private = generator.standard_normal((items, width - shared))
        mixed = np.hstack([truth, 2 * private]) @ generator.standard_normal((width, width))
        found[name] = Embeddings((mixed + 3).astype(np.float32), np.ones(items, bool))
    return truth, found


def first_found(views: dict[str, Embeddings], rows: slice) -> float:
    text, image = (views[n].vectors[rows] for n in ("text", "image"))
    text, image = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (text, image))
    return float(((text @ image.T).argmax(axis=1) == np.arange(len(text))).mean())


def test_it_finds_the_partner_of_items_it_never_saw() -> None:
    _, views = two_views()
    head = {name: view.take(range(1000)) for name, view in views.items()}
    tail = {name: view.take(range(1000, 1500)) for name, view in views.items()}
    aligned = CCA(width=5, ridge=1e-4).fit(head, None).align(tail)
    assert first_found(aligned, slice(None)) > 0.6
    white = Whiten(width=20).fit(head, None).align(tail)
    assert first_found(white, slice(None)) < 0.05


def test_for_two_views_its_agreement_is_the_canonical_correlation() -> None:
    _, views = two_views()
    model = CCA(width=8, ridge=1e-6).fit(views, None)
    text, image = (v.vectors - v.vectors.mean(axis=0) for v in (views["text"], views["image"]))
    bases = [np.linalg.svd(v, full_matrices=False)[0] for v in (text, image)]
    expected = np.linalg.svd(bases[0].T @ bases[1])[1][:8]
    assert np.allclose(model.agreement_, expected, atol=0.01)
    assert (model.agreement_[:5] > 0.95).all()


def test_pairs_that_miss_a_modality_do_not_spoil_the_others() -> None:
    _, views = two_views()
    generator = np.random.default_rng(1)
    partly = {
        name: Embeddings(v.vectors * (here := generator.random(1500) > 0.4)[:, None], here)
        for name, v in views.items()
    }
    model = CCA(width=5, ridge=1e-4).fit(partly, None)
    assert first_found(model.align(views), slice(None)) > 0.3


def test_views_that_share_nothing_agree_on_little() -> None:
    generator = np.random.default_rng(0)
    views = {
        name: Embeddings(
            generator.standard_normal((4000, 6)).astype(np.float32), np.ones(4000, bool)
        )
        for name in ("a", "b")
    }
    assert CCA(width=6).fit(views, None).agreement_.max() < 0.12


def test_every_view_has_the_width_asked() -> None:
    _, views = two_views()
    aligned = CCA(width=64).fit(views, None).align(views)
    assert {view.width for view in aligned.values()} == {64}


def test_whitened_columns_are_uncorrelated_with_unit_variance() -> None:
    _, views = two_views()
    rows = Whiten(width=None, ridge=0).fit(views, None).align(views)["text"].vectors
    assert np.allclose(np.cov(rows.T), np.eye(20), atol=0.01)
    assert Whiten(width=4).fit(views, None).align(views)["text"].width == 4


@pytest.mark.parametrize("items", [3, 10])
def test_fewer_items_than_dimensions_give_fewer_directions(items: int) -> None:
    _, views = two_views()
    few = {name: view.take(range(items)) for name, view in views.items()}
    assert Whiten().fit(few, None).align(few)["image"].width < items
