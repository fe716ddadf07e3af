"""What holds for the whole project."""

import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "polyrec"


def test_no_module_passes_400_lines_and_no_function_50() -> None:
    paths = [*SOURCE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assert len(paths) > 200
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 50, f"{path}: {node.name}"


def test_no_folder_has_more_than_16_modules() -> None:
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    assert len(folders) > 30
    for folder in folders:
        assert len({path.name for path in folder.glob("*.py")} - {"__init__.py"}) <= 16, folder


def test_importing_polyrec_loads_nothing_heavy() -> None:
    code = "import sys, polyrec, json; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    modules = set(json.loads(result.stdout))
    assert not {"torch", "polars", "numpy", "scipy", "sklearn", "pydantic", "fastapi"} & modules


def test_no_pickle_and_no_eval_in_the_source() -> None:
    paths = list(SOURCE.rglob("*.py"))
    assert len(paths) > 200
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [
                alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)
            ]
            assert "pickle" not in names, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), path
