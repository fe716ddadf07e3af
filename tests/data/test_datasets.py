"""Local copies of public data sets, in their own file formats."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from polyrec import Dataset, datasets
from polyrec.errors import DataError

FILMS = range(1, 7)
RATED = [
    (user, film, 5 if (user + film) % 3 else 2, 1_000_000_000 + 60 * film + user)
    for user in range(1, 7)
    for film in FILMS
]


def lines(separator: str, rows: list[tuple]) -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


COPIES: dict[str, dict[str, str | bytes]] = {
    "movielens_small": {
        "ratings.csv": "userId,movieId,rating,timestamp\n" + lines(",", RATED),
        "movies.csv": "movieId,title,genres\n"
        + lines(",", [(film, f"Film {film} (1999)", "Drama|War") for film in FILMS]),
    },
    "movielens_100k": {
        "u.data": lines("\t", RATED),
        "u.item": lines("|", [(film, f"Film {film} (1999)", "", 0) for film in FILMS]),
    },
    "movielens_1m": {
        "ratings.dat": lines("::", RATED),
        "movies.dat": lines("::", [(film, f"Film {film} (1999)", "Drama|War") for film in FILMS]),
    },
    "lastfm_2k": {
        "user_artists.dat": "userID\tartistID\tweight\n" + lines("\t", [r[:3] for r in RATED]),
        "artists.dat": "id\tname\turl\tpictureURL\n"
        + lines("\t", [(film, f'Film {film} (1999)" x', "u", "p") for film in FILMS]),
    },
}  # fmt: skip
FOLDERS = ("ml-latest-small", "ml-100k", "ml-1m", "hetrec2011-lastfm-2k")
LOADERS: dict[str, Callable[[Path], Dataset]] = {
    name: getattr(datasets, f"load_{name}") for name in COPIES
}


@pytest.mark.parametrize(("name", "folder"), list(zip(COPIES, FOLDERS, strict=True)))
def test_a_copy_is_read_from_its_folder_or_the_one_around_it(
    tmp_path: Path, name: str, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    for file, text in COPIES[name].items():
        (tmp_path / folder / file).write_text(text)
    data = LOADERS[name](tmp_path)
    assert LOADERS[name](tmp_path / folder).fingerprint == data.fingerprint
    assert data.catalog.ids == tuple(map(str, FILMS))
    assert data.catalog.titles[0].startswith("Film 1 (1999)")
    weights = {float(w) for part in data.behaviour.values() for w in part.weights}
    assert weights == ({1.0} if name == "lastfm_2k" else {0.0, 1.0})


@pytest.mark.parametrize("name", COPIES)
def test_a_folder_without_it_is_an_error_that_says_where_to_get_it(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(DataError, match=r"is missing.*get https://files.grouplens.org/.*\.zip"):
        LOADERS[name](tmp_path)


def test_office_products_keep_order_and_repeats(tmp_path: Path) -> None:
    rows = [
        ("u", "a", 0, "train"),
        ("u", "a", 1, "train"),
        ("u", "b", 2, "valid"),
        ("u", "a", 3, "test"),
    ]
    schema = ["user_id", "item_id", "position", "split"]
    events = pl.DataFrame(rows, schema=schema, orient="row").cast({"position": pl.Int32})
    events.write_parquet(tmp_path / "interactions.parquet")
    items = {
        "item_id": ["a", "b"],
        "title": ["Pen", "Ink"],
        "description": ["Blue", None],
        "brand": ["X", "Y"],
    }
    pl.DataFrame(items).write_parquet(tmp_path / "items.parquet")
    data = datasets.load_amazon_office(tmp_path)
    assert data.train.items.tolist() == [0, 0]
    assert data.test.times.tolist() == [3]
    assert data.catalog.titles == ("Pen", "Ink")
    with pytest.raises(DataError, match=r"no amazon_office in this folder.*MiniOneRec"):
        datasets.load_amazon_office(tmp_path / "nowhere")
