"""The public data sets load, with the counts of their own pages."""

from pathlib import Path

import pytest

from polyrec.config import DataConfig
from polyrec.data.load import load_dataset

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize(
    ("name", "options", "users", "items", "parts"),
    [
        ("lastfm2k_mm", {"features": {"text": "text_feat.npy"}}, 1858, 1425, (44327, 4799, 7219)),
        ("tiktok", {"features": {"audio": "audio_feat.npy"}}, 9308, 6710, (59541, 3051, 6130)),
        ("amazon_baby", {}, 19445, 7050, (118551, 20559, 21682)),
        ("amazon_sports", {}, 35598, 18357, (218409, 37899, 40029)),
        (
            "movielens_small_mm",
            {"image": "poster", "min_rating": 4},
            610,
            3650,
            (72728, 8773, 8773),
        ),
    ],
)
def test_counts_are_those_of_the_source(
    shared_data: Path, name: str, options: dict, users: int, items: int, parts: tuple
) -> None:
    loaded = load_dataset(DataConfig(path=shared_data / name, **options), weights={}, seed=0)
    counts = loaded.validation.counts
    assert (counts["users"], counts["items"]) == (users, items)
    assert tuple(counts["splits"].values()) == parts
    assert loaded.validation.ok
    if "image" in options:
        assert counts["content"]["image"] == 3548
