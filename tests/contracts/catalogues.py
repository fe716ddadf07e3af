"""Catalogues on which every aligner and every fuser is tried."""

import numpy as np

from polyrec.types import Embeddings, Interactions

JUNK = (np.nan, -np.inf, 3.4e38, 1e-45, 1.0)
"""What an absent row may hold."""

ODD_ROWS = {
    "single": [0],
    "few": [0, 1, 2],
    "duplicate": [0, 0, 0, 1, 1],
    "none": np.zeros(0, np.int64),
}
ODD = (*ODD_ROWS, "no pair", "nothing shared", "constant", "constant column", "absent",
       "few have it", "one view", "no view")  # fmt: skip


def sample_views(seed: int = 0, items: int = 40) -> dict[str, Embeddings]:
    """Return three views of one width with common factors; a fifth of the rows is absent."""
    generator = np.random.default_rng(seed)
    shared = generator.standard_normal((items, 3))
    views = {}
    for name in ("text", "image", "audio"):
        rows = shared @ generator.standard_normal((3, 6)) + 0.1 * generator.standard_normal(
            (items, 6)
        )
        present = generator.random(items) > 0.2
        rows[~present] = 0
        views[name] = Embeddings(rows.astype(np.float32), present)
    return views


def with_junk(views: dict[str, Embeddings], junk: float = np.nan) -> dict[str, Embeddings]:
    """Return the views with absent rows that hold something."""
    return {
        name: Embeddings(np.where(v.present[:, None], v.vectors, np.float32(junk)), v.present)
        for name, v in views.items()
    }


def odd_views(case: str) -> dict[str, Embeddings]:
    """Return views of a catalogue with something wrong."""
    views = sample_views()
    if case in ODD_ROWS:
        return {n: v.take(ODD_ROWS[case]) for n, v in views.items()}
    if case == "no view":
        return {}
    if case == "one view":
        return {"text": views["text"]}
    everyone, nobody = np.ones(40, bool), np.zeros(40, bool)
    noise = np.random.default_rng(4).standard_normal((40, 6)).astype(np.float32)
    if case == "no pair":  # no item has two views
        order = np.arange(40) % 3
        return {n: Embeddings(v.vectors, order == i) for i, (n, v) in enumerate(views.items())}
    column = views["text"].vectors.copy()
    column[:, 2] = 7
    texts = {
        "nothing shared": Embeddings(noise, everyone),
        "constant": Embeddings(np.ones((40, 6), np.float32), everyone),
        "constant column": Embeddings(column, everyone),
        "absent": Embeddings(noise * 0, nobody),
        "few have it": Embeddings(noise, np.arange(40) < 2),
    }
    return views | {"text": texts[case]}


def sample_events(items: int) -> Interactions:
    """Return nine users who took two thirds of the items each."""
    pairs = [(user, item) for user in range(9) for item in range(items) if (user + item) % 3]
    users, taken = (np.array(pairs, np.int64).reshape(-1, 2)[:, i] for i in range(2))
    return Interactions.of(users, taken, shape=(9, items))


def same_views(one: dict[str, Embeddings], two: dict[str, Embeddings]) -> bool:
    """Return whether rows and presence agree bit by bit."""
    return one.keys() == two.keys() and all(
        np.array_equal(one[n].vectors, two[n].vectors)
        and np.array_equal(one[n].present, two[n].present)
        for n in one
    )
