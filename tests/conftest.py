"""Fixtures that every test can ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public data sets, or skip with the reason."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("POLYREC_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"public data sets not found at {folder}; set POLYREC_DATA")
    return folder
