"""A loop over what a search finds asserts nothing where it finds nothing: tests say that it did."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SEARCHES = {
    "argwhere", "filter", "findall", "finditer", "flatnonzero", "get_all_operations", "glob",
    "iterdir", "nonzero", "rglob",
}  # fmt: skip
CHANGES = {"add", "append", "extend", "update"}


def unsure_loops(function: ast.FunctionDef) -> list[int]:
    """Return the lines of loops with assertions over a search that no other assertion is about.

    >>> text = "def test_x(a):\\n for f in a.glob('*'):\\n  n.append(f)\\n  assert f"
    >>> unsure_loops(ast.parse(text).body[0])
    [2]
    >>> unsure_loops(ast.parse(f"{text}\\n assert n").body[0])
    []
    """
    searched = {
        name
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _searches(node.value)
        for target in node.targets
        for name in _names(target)
    }
    lines = []
    for loop in ast.walk(function):
        if not isinstance(loop, ast.For) or not _asserts(loop):
            continue
        if _searches(loop.iter) or _names(loop.iter) & searched:
            inside = {id(node) for node in ast.walk(loop)}
            told = {
                name
                for node in _asserts(function)
                if id(node) not in inside
                for name in _names(node)
            }
            if not told & (_bound(loop) | _names(loop.iter) & searched):
                lines.append(loop.lineno)
    return lines


def _searches(node: ast.expr) -> bool:
    return any(
        (isinstance(part, ast.Attribute) and part.attr in SEARCHES)
        or (isinstance(part, ast.Name) and part.id == "filter")
        or (isinstance(part, ast.comprehension) and part.ifs)
        for part in ast.walk(node)
    )


def _asserts(node: ast.AST) -> list[ast.Assert]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Assert)]


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _bound(loop: ast.For) -> set[str]:
    """Return the names that a loop sets or changes by a method, but for its own variables."""
    found = set()
    for node in ast.walk(loop):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name for target in targets for name in _names(target)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found |= _names(node.func.value) if node.func.attr in CHANGES else set()
    return found - _names(loop.target)


FILES = sorted(TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_loops_over_searches_are_known_to_run(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert functions
    lines = [line for function in functions for line in unsure_loops(function)]
    assert not lines, f"{path}: assert that the loops at {lines} ran, or what they search is there"
