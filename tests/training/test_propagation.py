"""A constant sparse matrix times rows: the same numbers as dense ones, and their gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

torch = pytest.importorskip("torch", reason="extra torch is not installed")
from polyrec.training.propagation import Propagation, normalize_symmetric, symmetric_scales  # noqa: E402


def weights(seed: int, users: int = 7, items: int = 5) -> sparse.csr_array:
    dense = np.random.default_rng(seed).integers(0, 4, (users, items)).astype(np.float32)
    dense[seed % users] = 0  # a user without events
    return sparse.csr_array(dense)


@given(st.integers(0, 50))
def test_products_and_gradients_are_those_of_the_dense_matrix(seed: int) -> None:
    matrix = weights(seed)
    rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    gradient = torch.arange(21.0).reshape(7, 3)
    product = Propagation.of(matrix)(rows)
    product.backward(gradient)
    dense = torch.from_numpy(matrix.toarray())
    assert torch.allclose(product, dense @ rows, atol=1e-5)
    assert torch.allclose(rows.grad, dense.T @ gradient, atol=1e-4)


def test_the_gradient_through_matrix_and_transpose_is_right() -> None:
    product = Propagation.of(weights(3), "cpu")
    rows = torch.ones(5, 2, requires_grad=True)
    product.transposed(product(rows)).square().sum().backward()
    square = torch.from_numpy((weights(3).T @ weights(3)).toarray())
    expected = torch.ones(5, 2, requires_grad=True)
    (square @ expected).square().sum().backward()
    assert torch.allclose(rows.grad, expected.grad, rtol=1e-5)
    assert product.transposed.transposed(rows).equal(product(rows))


@given(st.integers(0, 50))
def test_the_symmetric_form_divides_by_the_roots_of_both_sums(seed: int) -> None:
    matrix = weights(seed)
    dense = matrix.toarray()
    by_user, by_item = dense.sum(axis=1), dense.sum(axis=0)
    scaled = normalize_symmetric(matrix).toarray()
    pairs = np.argwhere(dense)
    assert len(pairs)
    for user, item in pairs:
        expected = dense[user, item] / np.sqrt(by_user[user] * by_item[item])
        assert scaled[user, item] == pytest.approx(expected, rel=1e-5)
    assert (scaled[dense == 0] == 0).all()
    assert np.array_equal(matrix.toarray(), dense)  # the input is unchanged


def test_empty_rows_and_columns_have_scale_0() -> None:
    users, items = symmetric_scales(sparse.csr_array((2, 3), dtype=np.float32))
    assert (users == 0).all()
    assert (items == 0).all()
    assert Propagation.of(sparse.csr_array((2, 3), dtype=np.float32))(torch.ones(3, 4)).equal(
        torch.zeros(2, 4)
    )
