"""Where the public data sets and their configs are."""

import os
from pathlib import Path

from polyrec.config import read_config
from polyrec.data.load import Dataset, load_dataset

BENCHMARKS = Path(__file__).parents[1]
SHARED_DATA = Path(os.environ.get("POLYREC_DATA", BENCHMARKS.parents[1] / "shared" / "data"))


def config_path(name: str) -> Path:
    """Return the path of a data set's config."""
    return BENCHMARKS / f"{name}.yaml"


def load_public_dataset(name: str) -> Dataset:
    """Return a public data set in its given split."""
    return load_dataset(read_config(config_path(name)).data, weights={}, seed=7)
