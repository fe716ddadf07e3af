import numpy as np
import pytest

from polyrec.align.cca import CCA
from polyrec.align.whiten import Whiten
from polyrec.types import Embeddings


def two_views(items: int = 1500, shared: int = 5) -> tuple[np.ndarray, dict[str, Embeddings]]:
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((items, shared))
    result = {}
    for name, width in (("image", 30), ("text", 20)):
        private = generator.standard_normal((items, width - shared))
        mixed = np.hstack([truth, 2 * private]) @ generator.standard_normal((width, width))
        result[name] = Embeddings((mixed + 3).astype(np.float32), np.ones(items, bool))
    return truth, result


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
        name: Embeddings(v.vectors * (present := generator.random(1500) > 0.4)[:, None], present)
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


def test_components_keep_few_items_in_many_dimensions_from_agreeing_by_chance() -> None:
    generator = np.random.default_rng(0)
    shared = generator.standard_normal((700, 10))
    views = {}
    for name in ("image", "text"):
        factors = np.hstack([shared, generator.standard_normal((700, 20))])
        rows = factors @ generator.standard_normal((30, 256))
        rows += generator.standard_normal(rows.shape)
        views[name] = Embeddings(rows.astype(np.float32), np.ones(700, bool))
    head = {name: view.take(range(400)) for name, view in views.items()}
    tail = {name: view.take(range(400, 700)) for name, view in views.items()}
    result = [
        first_found(CCA(components=count).fit(head, None).align(tail), slice(None))
        for count in (None, 128, 40)
    ]
    assert result[0] < 0.3 < 0.5 < result[1] < 0.95 < result[2], result


def test_one_view_alone_is_whitened() -> None:
    _, views = two_views()
    alone = {"text": views["text"]}
    expected = Whiten(width=None, ridge=1e-2).fit(alone, None).align(alone)["text"].vectors
    result = CCA(width=12).fit(alone, None).align(alone)["text"].vectors
    assert np.allclose(result, expected[:, :12], atol=1e-6)


def test_a_wholly_absent_view_takes_no_part() -> None:
    _, views = two_views()
    none_present = Embeddings(np.zeros((1500, 4), np.float32), np.zeros(1500, bool))
    left, second = (
        CCA(width=9).fit(views, None),
        CCA(width=9).fit(views | {"audio": none_present}, None),
    )
    assert np.array_equal(left.agreement_, second.agreement_)
    assert np.array_equal(left.maps_["text"], second.maps_["text"])
    assert not second.maps_["audio"].any()


def test_views_that_no_item_has_both_of_share_nothing() -> None:
    _, views = two_views()
    first = np.arange(1500) < 700
    apart = {
        "image": Embeddings(views["image"].vectors, first),
        "text": Embeddings(views["text"].vectors, ~first),
    }
    model = CCA(width=6).fit(apart, None)
    assert not model.agreement_.any()
    assert not model.align(apart)["text"].vectors.any()


def test_two_items_with_both_never_agree_by_more_than_one() -> None:
    _, views = two_views()
    odd = {
        "image": Embeddings(views["image"].vectors, np.arange(1500) < 702),
        "text": Embeddings(views["text"].vectors, np.arange(1500) >= 700),
    }
    agreement = CCA(width=6).fit(odd, None).agreement_
    assert agreement[0] == pytest.approx(1)
    assert np.allclose(agreement[1:], 0, atol=1e-6)  # one pair of items spans one direction


def test_three_views_meet_in_one_space() -> None:
    truth, views = two_views()
    generator = np.random.default_rng(7)
    sound = truth @ generator.standard_normal((5, 12)) + 0.1 * generator.standard_normal((1500, 12))
    views["audio"] = Embeddings(sound.astype(np.float32), np.ones(1500, bool))
    model = CCA(width=6, ridge=1e-4).fit(views, None)
    assert (model.agreement_[:5] > 0.9).all()
    assert model.agreement_[5] < 0.3
    aligned = model.align(views)
    means = np.mean([view.vectors[:, :5] for view in aligned.values()], axis=0)
    # the five shared columns span the truth
    residual = truth - means @ np.linalg.lstsq(means, truth, rcond=None)[0]
    assert residual.var() < 0.05 * truth.var()
