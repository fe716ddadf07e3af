"""Load local copies of public data sets. Nothing is downloaded.

| function | data | relevant |
|---|---|---|
| `load_movielens_small` | ml-latest-small: 610 users, 9,724 films | rated 4 or better |
| `load_movielens_100k` | ml-100k: 943 users, 1,682 films | rated 4 or better |
| `load_movielens_1m` | ml-1m: 6,040 users, 3,706 films | rated 4 or better |
| `load_lastfm_2k` | hetrec2011-lastfm-2k: 1,892 users, 17,632 artists | heard |
| `load_amazon_office` | Office Products of 2018, as MiniOneRec splits them | reviewed |
"""

from __future__ import annotations

from pathlib import Path

from polyrec.config import DataConfig, SplitConfig
from polyrec.data.frames import FileReader
from polyrec.data.load import Dataset, load_dataset
from polyrec.errors import DataError

_MINIONEREC = "https://github.com/AkaliKong/MiniOneRec/tree/81b4ba9/data/Amazon"
_GROUPLENS = "https://files.grouplens.org/datasets"


def load_movielens_small(path: str | Path) -> Dataset:
    """Return MovieLens small, with titles and genres as text, split per user in time."""
    folder = _folder(path, "ml-latest-small", "ratings.csv", f"{_GROUPLENS}/movielens")
    return _movielens(folder, "title", "genres")


def load_movielens_100k(path: str | Path) -> Dataset:
    """Return MovieLens 100K, with titles as text, split per user in time."""
    return _movielens(_folder(path, "ml-100k", "u.data", f"{_GROUPLENS}/movielens"), "title")


def load_movielens_1m(path: str | Path) -> Dataset:
    """Return MovieLens 1M, with titles and genres as text, split per user in time."""
    folder = _folder(path, "ml-1m", "ratings.dat", f"{_GROUPLENS}/movielens")
    return _movielens(folder, "title", "genres")


def load_lastfm_2k(path: str | Path) -> Dataset:
    """Return Last.fm 2K, whom users listened to, split at random: it has no times."""
    name = "hetrec2011-lastfm-2k"
    folder = _folder(path, name, "user_artists.dat", f"{_GROUPLENS}/hetrec2011")
    reader = FileReader()
    events, artists = (
        reader.table(folder / file, suffix=".tsv").frame
        for file in ("user_artists.dat", "artists.dat")
    )
    events = events.select("userID", "artistID")  # without the counts of plays
    artists = artists.rename({"id": "artistID"})
    return Dataset.from_frames(events, artists, user="userID", item="artistID", title="name")


def load_amazon_office(path: str | Path) -> Dataset:
    """Return Amazon Office Products (2018) in order and with repeats, for the protocol next_item.

    The folder has interactions.parquet (user_id, item_id, position in the user's order, split) and
    items.parquet (item_id, title, description, brand): the parts of Office_Products that MiniOneRec
    publishes (arXiv 2510.24431), put together per user.
    """
    folder = _folder(path, "amazon_office", "interactions.parquet", _MINIONEREC)
    config = DataConfig(
        path=folder, interactions="interactions.parquet", items="items.parquet", repeats="all",
        columns={"time": "position"}, text=("title", "brand", "description"),
        split=SplitConfig(use="given"),
    )  # fmt: skip
    return load_dataset(config, weights={}, seed=7)


def _movielens(folder: Path, *text: str) -> Dataset:
    config = DataConfig(use="movielens", path=folder, text=text, min_rating=4)
    return load_dataset(config, weights={}, seed=7)


def _folder(path: str | Path, name: str, file: str, home: str) -> Path:
    """Return the folder of a local copy: `path`, or the folder `name` in it."""
    for folder in (Path(path), Path(path) / name):
        if (folder / file).is_file():
            return folder.resolve()
    source = home if home == _MINIONEREC else f"{home}/{name}.zip"
    remedy = f"get {source}, and give the folder into which it was unpacked"
    raise DataError(f"no {name} in this folder: {file} is missing", received=str(path),
                    remedy=remedy)  # fmt: skip
