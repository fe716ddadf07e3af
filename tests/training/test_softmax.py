"""Cross-entropy over a catalogue: torch's own value and gradients, whatever is taken at once."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch
from torch.nn import functional as F  # noqa: N812

from polyrec.training import softmax
from polyrec.training.softmax import cross_entropy

STARTS = np.array([0, 2, 2, 3, 6])  # row 1 has no events; row 3 has one column twice
COLUMNS = torch.tensor([4, 0, 6, 3, 3, 1])
WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 1.0, 0.25, 3.0])
OWNERS = torch.tensor([0, 0, 2, 3, 3, 3])


def parts(*, bias: bool) -> list:
    generator = torch.Generator().manual_seed(1)
    shapes = [(4, 3), (7, 3), (7,)][: 3 if bias else 2]
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def plain(
    rows: torch.Tensor, table: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    logits = rows @ table.T if bias is None else rows @ table.T + bias
    return -(WEIGHTS * F.log_softmax(logits, dim=1)[OWNERS, COLUMNS]).sum()


def ours(rows: torch.Tensor, table: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    return cross_entropy(rows, table, STARTS, COLUMNS, WEIGHTS, bias)


@pytest.mark.parametrize("at_once", [1, 7, 15, 1000])
@pytest.mark.parametrize("bias", [False, True])
def test_value_and_gradients_are_those_of_torch(
    monkeypatch: pytest.MonkeyPatch, bias: bool, at_once: int
) -> None:
    monkeypatch.setattr(softmax, "_CPU_LOGITS", at_once)
    own, reference = parts(bias=bias), parts(bias=bias)
    result, wanted = ours(*own), plain(*reference)
    assert result.item() == pytest.approx(wanted.item(), rel=1e-6)
    (3 * result).backward()
    (3 * wanted).backward()
    for first, other in zip(own, reference, strict=True):
        np.testing.assert_allclose(first.grad, other.grad, rtol=1e-5, atol=1e-6)


def test_great_logits_do_not_overflow() -> None:
    rows, table = parts(bias=False)
    with torch.no_grad():
        rows *= 1e4
    loss = ours(rows, table)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(rows.grad).all()


def test_what_is_no_number_stays_none() -> None:
    rows, table = parts(bias=False)
    with torch.no_grad():
        rows[2, 1] = float("nan")
    assert torch.isnan(ours(rows, table))  # the training tells of it


def test_it_is_computed_in_full_under_autocast() -> None:
    rows, table = parts(bias=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = ours(rows.bfloat16(), table)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(plain(rows.bfloat16().float(), table).item(), rel=1e-6)
    loss.backward()
    assert rows.grad.dtype == table.grad.dtype == torch.float32


def test_a_part_that_does_not_learn_gets_nothing_and_twice_is_refused() -> None:
    rows, table = parts(bias=False)
    loss = ours(rows.detach(), table)
    loss.backward(retain_graph=True)
    assert table.grad is not None
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    with torch.no_grad():
        assert ours(rows, table).item() == pytest.approx(loss.item())


def test_no_events_cost_nothing() -> None:
    rows, table = parts(bias=False)
    none = torch.zeros(0)
    loss = cross_entropy(rows, table, [0] * 5, none.long(), none)
    loss.backward()
    assert loss.item() == 0
    assert not table.grad.any()
