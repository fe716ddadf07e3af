"""The names that `polyrec` exports: what a type checker, an editor and `dir` see."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import polyrec
from polyrec.lazy_exports import listed_imports
from polyrec.registry import required_extra

ROOMS = sorted(
    name for name, address in listed_imports("polyrec").items() if address == f"polyrec:{name}"
)
LAZY = [room for room in ("", *ROOMS) if listed_imports(f"polyrec.{room}".rstrip("."))]

SNIPPET = """
import polyrec
from polyrec.recommend import EASE

reveal_type(polyrec.recommend.EASE)
reveal_type(EASE(l2=3))
reveal_type(polyrec.encode.LSA)
reveal_type(polyrec.data.readers.FolderReader)
reveal_type(polyrec.Bundle)
polyrec.recommend.EESE
polyrec.explian
from polyrec.fuse import Concatenate
"""


@pytest.mark.parametrize("room", LAZY)
def test_dir_lists_the_names_and_each_is_importable(room: str) -> None:
    package = importlib.import_module(f"polyrec.{room}".rstrip("."))
    addresses = listed_imports(package.__name__)
    assert dir(package) == package.__all__ == sorted(addresses)
    light = [n for n, address in addresses.items() if not required_extra(address.split(":")[0])]
    assert all(getattr(package, name) is not None for name in light)


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_a_misspelt_name_is_an_attribute_error(room: str) -> None:
    package = importlib.import_module(f"polyrec.{room}".rstrip("."))
    with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no attribute"):
        _ = package.Nonsense


def test_explain_and_a_part_are_reached_from_the_top() -> None:
    assert callable(polyrec.explain.explain)
    assert polyrec.recommend.EASE.__module__ == "polyrec.recommend.linear.ease"


def test_a_type_checker_sees_the_classes_and_refuses_misspelt_names(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    root = Path(__file__).parents[1]
    (tmp_path / "snippet.py").write_text(SNIPPET)
    options = ["--config-file", root / "pyproject.toml", "--cache-dir", root / ".mypy_cache"]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options, tmp_path / "snippet.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    lines = [line.partition("snippet.py:")[2] for line in result.stdout.splitlines()]
    assert len([line for line in lines if "note: Revealed type" in line]) == 5, result.stdout
    for line in (
        '5: note: Revealed type is "def (l2: float =) -> polyrec.recommend.linear.ease.EASE"',
        '6: note: Revealed type is "polyrec.recommend.linear.ease.EASE"',
        '10: error: Module has no attribute "EESE"',
        '11: error: Module has no attribute "explian"',
        '12: error: Module "polyrec.fuse" has no attribute "Concatenate"',
    ):
        assert any(found.startswith(line) for found in lines), (line, result.stdout)
