"""Names in the source: a public name means one thing, and names are nouns for what they hold."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "polyrec"
EMPTY = {
    "told", "asked", "found", "given", "made", "some", "whole", "place", "places", "met", "said",
    "way", "one", "both", "tell", "ask",
}  # fmt: skip
"""Words that say nothing about what they name."""
ALLOWED = {
    ("database/change_log.py", "made"),  # a column of databases of earlier releases
    ("database/item_media.py", "made"),
}
HANDLERS = ("router.", "app.", "command", "overload")  # named by their route or command


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def stored_names(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def test_no_public_class_or_function_name_means_two_things() -> None:
    homes = defaultdict(list)
    for path, module in modules():
        if "/versions/" in path:  # Alembic calls `upgrade` of each
            continue
        for node in module.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
            if not node.name.startswith("_") and not any(h in decorators for h in HANDLERS):
                homes[node.name].append(path)
    assert len(homes) > 500
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_names_say_what_they_hold() -> None:
    empty = {
        (path, name)
        for path, module in modules()
        for name in stored_names(module)
        if name.strip("_").lower() in EMPTY
    }
    assert empty - ALLOWED == set()
