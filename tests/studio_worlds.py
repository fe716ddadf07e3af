"""Studio data sets, and what the plain encoders make of their media, kept on the machine."""

import shutil
from functools import partial
from pathlib import Path

from machine_cache import MachineCache, key_of
from polyrec.config import parse_config
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.pipeline.encoding import fill_feature_cache

SMALL = StudioSettings(items=60, users=150, damaged=0.08)
LARGER = StudioSettings(items=100, users=300)
WORLD_SOURCES = ("data/synthetic", "compute/workers.py", "errors.py", "types.py")
FEATURE_SOURCES = (
    "artifact", "compute", "config", "data", "encode", "index", "media", "pipeline", "training",
    "contracts.py", "errors.py", "lazy_exports.py", "registry.py", "types.py",
)  # fmt: skip


def studio_world(cache: MachineCache, studio: StudioSettings) -> Path:
    """Return the folder of a world."""
    key = key_of(studio, sources=WORLD_SOURCES)
    return cache.folder("world", partial(generate_studio, settings=studio), key=key)


def studio_features(cache: MachineCache, studio: StudioSettings, folder: Path) -> Path:
    """Return a feature cache of a world's pictures, sounds and films, copied into a folder."""

    def make(made: Path) -> None:
        kinds = {kind: kind for kind in ("image", "audio", "video")}
        tree = {
            "preset": "shop",
            "data": {"path": str(studio_world(cache, studio)), **kinds},
            "cache": str(made / "cache.sqlite"),
        }
        fill_feature_cache(parse_config(tree, folder=made))

    kept = cache.folder("features", make, key=key_of(studio, sources=FEATURE_SOURCES))
    return Path(shutil.copy(kept / "cache.sqlite", folder))
