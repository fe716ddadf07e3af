import numpy as np
import pytest

from polyrec.align.whiten import Whiten, covariance, whitening
from polyrec.errors import ConfigError
from polyrec.types import Embeddings


def view(rows: np.ndarray) -> Embeddings:
    return Embeddings(np.asarray(rows, np.float32), np.ones(len(rows), bool))


def normal(items: int, width: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.standard_normal((items, width)) @ generator.standard_normal((width, width))


def test_a_column_has_the_variance_of_the_formula() -> None:
    scales = np.array([1.0, 2.0, 3.0])
    rows = np.repeat(np.vstack([np.diag(scales), -np.diag(scales)]), 5, axis=0)
    white = Whiten(ridge=0.5).fit({"a": view(rows)}, None).align({"a": view(rows)})["a"].vectors
    variances = scales[::-1] ** 2 / 3
    assert np.allclose(white.var(axis=0), variances / (variances + 0.5 * variances.mean()))


@pytest.mark.parametrize("value", [0.1, 123.4, 1e6])
def test_a_constant_view_has_no_direction_whatever_its_value(value: float) -> None:
    same = {"a": view(np.full((7, 3), value))}
    assert Whiten().fit(same, None).align(same)["a"].vectors.shape == (7, 0)


def test_a_constant_column_changes_nothing() -> None:
    rows = normal(50, 4)
    more = np.insert(rows, 2, 1e4, axis=1)
    plain, wider = ({"a": view(r)} for r in (rows, more))
    expected = Whiten().fit(plain, None).align(plain)["a"].vectors
    assert np.allclose(Whiten().fit(wider, None).align(wider)["a"].vectors, expected, atol=1e-5)


def test_both_ways_to_the_directions_agree() -> None:
    rows = normal(8, 8).astype(np.float32)
    tall, _ = view(rows), None
    wide = view(np.hstack([rows, np.zeros((8, 5), np.float32)]))  # items < dimensions: by SVD
    _, by_eigen = whitening(tall, None, 0.0)
    _, by_svd = whitening(wide, None, 0.0)
    assert by_eigen.shape == (8, 7)
    assert np.allclose(by_svd[:8], by_eigen, rtol=1e-3, atol=1e-5)
    assert not by_svd[8:].any()


def test_a_covariance_taken_in_slices_is_the_covariance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyrec.align.whiten._SLICE", 7)
    rows = normal(50, 3)
    mean = rows.mean(axis=0)
    assert np.allclose(covariance(rows, rows, mean, mean), np.cov(rows.T, bias=True))


@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_the_unit_of_the_features_does_not_matter(scale: float) -> None:
    rows = normal(60, 5).astype(np.float32)
    first, second = {"a": view(rows)}, {"a": view(rows * np.float32(scale))}
    expected = Whiten().fit(first, None).align(first)["a"].vectors
    assert np.allclose(Whiten().fit(second, None).align(second)["a"].vectors, expected, atol=1e-4)


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"width": 0}, {"ridge": -1.0}, {"ridge": np.nan}):
        with pytest.raises(ConfigError, match=f"{next(iter(settings))} is out of range"):
            Whiten(**settings).fit({}, None)


def test_zca_is_white_and_nearest_to_what_was_given() -> None:
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(500, 4)) @ generator.normal(size=(4, 4))).astype(np.float32)
    views = {"text": Embeddings(rows, np.ones(500, bool))}
    pca = Whiten(ridge=0).fit(views, None).align(views)["text"].vectors
    zca = Whiten(ridge=0, method="zca").fit(views, None).align(views)["text"].vectors
    assert np.allclose(np.cov(zca.T, bias=True), np.eye(4), atol=1e-3)
    assert np.allclose(zca @ zca.T, pca @ pca.T, atol=1e-2)
    centred = rows - rows.mean(axis=0)
    assert ((zca - centred) ** 2).sum() < ((pca - centred) ** 2).sum()
