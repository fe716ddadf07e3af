"""A cell of the leaderboard: a model on a data set, its settings and its results."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from benchmarks.library.results import read_figures
from polyrec import registry
from polyrec.config import Config, read_config
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.recommend import PARTS
from polyrec.tune.space import with_settings

PEERS = {
    "implicit_als": ("implicit", "benchmarks.quality.leaderboard.implicit_peers:ImplicitALS"),
    "implicit_bpr": ("implicit", "benchmarks.quality.leaderboard.implicit_peers:ImplicitBPR"),
    "cornac_vbpr": ("cornac", "benchmarks.quality.leaderboard.cornac_peers:CornacVBPR"),
}
"""Short name -> the package that it needs, and its class."""

FAMILIES = {
    **dict.fromkeys(("ease", "item_knn", "multimodal_linear", "rp3beta"), "linear"),
    **dict.fromkeys(("als", "bpr", "elsa", "mlp", "vbpr"), "factors"),
    **dict.fromkeys(("freedom", "lightgcn", "mgcn"), "graph"),
    **dict.fromkeys(("multi_dae", "multi_vae", "multimodal_dae"), "autoencoder"),
}
"""Model -> family; a blend has one member of each, since models of a family are much alike."""

SEEDS = (7, 8, 9, 10, 11)


@dataclass(frozen=True)
class Cell:
    """One model on one data set."""

    config: Path  # of the data set
    model: str

    @property
    def data(self) -> str:
        """Return the data set's name."""
        return self.config.stem

    @property
    def name(self) -> str:
        """Return data set and model."""
        return f"{self.data}/{self.model}"

    def tuned_settings(self, folder: Path) -> dict[str, Any]:
        """Return the content of FOLDER/DATA/MODEL.yaml, empty if the cell is not tuned yet."""
        path = folder / self.data / f"{self.model}.yaml"
        tuned: dict[str, Any] = yaml.safe_load(path.read_text()) if path.is_file() else {}
        return tuned

    def run_config(self, settings: dict[str, Any], *, seed: int) -> Config:
        """Return the config of this cell's run."""
        overrides = [f"recommend.use={self.model}", f"seed={seed}"]
        return with_settings(read_config(self.config, overrides=overrides), settings)


def register_peers() -> list[str]:
    """Add the peers to the recommenders; return those whose package is not installed."""
    missing = []
    for name, (package, address) in PEERS.items():
        if find_spec(package) is None:
            missing.append(name)
        else:
            PARTS[name] = address
    return missing


def is_seeded(model: str) -> bool:
    """Return whether a model depends on a seed, so that it is fitted with several."""
    part = registry.find_class("recommend", model)
    return any(field.name == "seed" for field in dataclasses.fields(part))


def available_data_sets(folder: Path, *, only: Sequence[str] | None) -> Iterator[Path]:
    """Yield the configs in a folder whose data exist; the studio data set is made."""
    for config in sorted(folder.glob("*.yaml")):
        if only and config.stem not in only:
            continue
        path = read_config(config).data.path
        if config.stem == "studio" and not path.is_dir():
            generate_studio(path, StudioSettings(items=600, users=2000))
        if path.is_dir():
            yield config


def load_cells(path: Path) -> dict[str, dict[str, Any]]:
    """Return the results of a leaderboard, by the cell's name."""
    return {f"{row['data']}/{row['model']}": row for row in read_figures(path) or []}


def single_thread_environment() -> dict[str, str]:
    """Return the environment of a cell's process: one thread everywhere."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads}
