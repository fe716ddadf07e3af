"""What a cell of the leaderboard is: a model on a data set, its settings, and what it reached."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from polyrec import registry
from polyrec.config import Config, read_config
from polyrec.data.synthetic import Studio, make_world
from polyrec.recommend import PARTS
from polyrec.tune.space import with_settings

PEERS = {
    "implicit_als": ("implicit", "benchmarks.quality.leaderboard.implicit_peers:ImplicitALS"),
    "implicit_bpr": ("implicit", "benchmarks.quality.leaderboard.implicit_peers:ImplicitBPR"),
    "cornac_vbpr": ("cornac", "benchmarks.quality.leaderboard.cornac_peers:CornacVBPR"),
}
"""Short name -> the package that it needs, and where it is wrapped."""

KINDS = {
    **dict.fromkeys(("ease", "item_knn", "multimodal_linear", "rp3beta"), "items alike"),
    **dict.fromkeys(("als", "bpr", "elsa", "mlp", "vbpr"), "factors"),
    **dict.fromkeys(("freedom", "lightgcn", "mgcn"), "graphs"),
    **dict.fromkeys(("multi_dae", "multi_vae", "multimodal_dae"), "autoencoders"),
}
"""Model -> kind; of each a blend hears one, for two of a kind say much the same."""

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

    def found(self, folder: Path) -> dict[str, Any]:
        """Return what tuning has found, from FOLDER/DATA/MODEL.yaml; nothing where it was not."""
        place = folder / self.data / f"{self.model}.yaml"
        found: dict[str, Any] = yaml.safe_load(place.read_text()) if place.is_file() else {}
        return found

    def read_config(self, settings: dict[str, Any], *, seed: int) -> Config:
        """Return the run of this cell."""
        overrides = [f"recommend.use={self.model}", f"seed={seed}"]
        return with_settings(read_config(self.config, overrides=overrides), settings)


def admit_peers() -> list[str]:
    """Let peers be named like models of our own; return those whose package is not installed."""
    absent = []
    for name, (package, address) in PEERS.items():
        if find_spec(package) is None:
            absent.append(name)
        else:
            PARTS[name] = address
    return absent


def draws(model: str) -> bool:
    """Return whether a model draws at random, so that one fit is not all that it can reach."""
    part = registry.find_class("recommend", model)
    return any(field.name == "seed" for field in dataclasses.fields(part))


def data_sets(folder: Path, *, only: Sequence[str] | None) -> Iterator[Path]:
    """Yield the configs in a folder whose data are here; the studio world is made."""
    for config in sorted(folder.glob("*.yaml")):
        if only and config.stem not in only:
            continue
        path = read_config(config).data.path
        if config.stem == "studio" and not path.is_dir():
            make_world(path, Studio(items=600, users=2000))
        if path.is_dir():
            yield config


def load_cells(place: Path) -> dict[str, dict[str, Any]]:
    """Return the cells that a leaderboard holds, by name."""
    if not place.is_file():
        return {}
    rows = json.loads(place.read_text(encoding="utf-8"))["figures"]
    return {f"{row['data']}/{row['model']}": row for row in rows}


def environment() -> dict[str, str]:
    """Return the environment of a cell's process: one thread everywhere."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads}
