"""Every benchmark can be imported, and says how it is run."""

import importlib
import pkgutil

import pytest

import benchmarks

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(benchmarks.__path__, prefix="benchmarks.")
)
OPTIONAL = {"implicit", "cornac", "optuna", "torch", "transformers", "fastapi", "sqlalchemy"}


@pytest.mark.parametrize("name", MODULES)
def test_benchmarks_import_and_document_their_command(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    if hasattr(module, "main"):
        assert f"python -m {name.removesuffix('.__main__')}" in module.__doc__
