"""The optimizer: torch's steps bit for bit, without the modules that its class loads."""

import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch

from polyrec.training.optimizer import AdamW

TRAIN_ALL = """
import sys
import numpy as np
from polyrec.registry import find_class
from polyrec.types import Interactions

generator = np.random.default_rng(0)
users, items = np.divmod(generator.permutation(20 * 15)[:120], 15)
train = Interactions.of(users, items, times=np.arange(len(users)), shape=(20, 15))
for name in ("bpr", "elsa", "lightgcn", "mlp", "multi_vae", "sasrec", "two_tower"):
    find_class("recommend", name)(epochs=1).fit(train, {})
assert "torch" in sys.modules
print(sorted({"sympy", "torch._dynamo", "torch._inductor"} & set(sys.modules)))
"""


def weights() -> list:
    torch.manual_seed(3)
    return [torch.nn.Parameter(torch.randn(5, 4)), torch.nn.Parameter(torch.randn(7))]


def optimize(parameters: list, optimizer: object, steps: range) -> None:
    """Take steps; the second parameter has no gradient in each third of them."""
    for step in steps:
        optimizer.zero_grad()
        loss = (parameters[0] * step).sin().sum()
        if step % 3:
            loss = loss + (parameters[1] ** 2).sum()
        loss.backward()
        optimizer.step()


def test_its_steps_are_those_of_torch_bit_for_bit() -> None:
    mine, reference = weights(), weights()
    own = AdamW(mine, 0.01, 0.3)
    other = torch.optim.AdamW(reference, 0.01, weight_decay=0.3, fused=True)
    for steps, rate in ((range(6), 0.01), (range(6, 12), 0.002)):
        own.rate = other.param_groups[0]["lr"] = rate
        optimize(mine, own, steps)
        optimize(reference, other, steps)
    for left, another in zip(mine, reference, strict=True):
        assert torch.equal(left, another)


def test_it_goes_on_from_what_it_dumped() -> None:
    full, first = weights(), weights()
    optimize(full, AdamW(full, 0.01, 0.3), range(12))
    optimizer = AdamW(first, 0.01, 0.3)
    optimize(first, optimizer, range(7))
    stored = {name: tensor.clone() for name, tensor in optimizer.dump().items()}
    again = AdamW(first, 0.01, 0.3)
    again.restore(stored)
    optimize(first, again, range(7, 12))
    for left, other in zip(full, first, strict=True):
        assert torch.equal(left, other)


def test_a_step_that_overflowed_is_left_out_by_the_scaler() -> None:
    parameters = weights()
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer, scaler = AdamW(parameters, 0.01, 0.3), torch.amp.GradScaler("cpu")
    scaler.scale((parameters[0] * float("inf")).sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert all(torch.equal(left, other) for left, other in zip(parameters, before, strict=True))


def test_learning_does_not_load_the_compiler_of_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_ALL], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
