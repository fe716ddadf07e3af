"""Do Chinese and German queries find English plots?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.languages

film_queries.json has what 50 films of MovieLens are about in both languages, written from their
plots before any encoder had seen them; the films were drawn at random (seed 11) from those with a
plot of 100 to 260 characters. By LSA, MiniLM and E5 (polyrec models add e5): how often the right
film comes first, among the 50 and among all with a plot, and how often it is among the first ten of
all. Results: languages.json.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.results import save_results
from polyrec.registry import find_class
from polyrec.types import Floats, Interactions

FILM_QUERIES: dict[str, tuple[str, str]] = json.loads(
    (Path(__file__).parent / "film_queries.json").read_text(encoding="utf-8")
)
ENCODERS = ("lsa", "minilm", "e5")
LANGUAGES = ("chinese", "german")


def main() -> None:
    table = pl.read_parquet(SHARED_DATA / "movielens_small_mm" / "items.parquet")
    plots = {row: plot for row, plot in enumerate(table["plot"].to_list()) if plot}
    rows = list(plots)
    own = np.array([rows.index(int(row)) for row in FILM_QUERIES])
    figures: dict[str, Any] = {"plots": len(plots), "queries": len(own)}
    for name in ENCODERS:
        figures[name] = measure(name, list(plots.values()), own)
    save_results("languages", figures)


def measure(name: str, plots: Sequence[str], own: np.ndarray) -> dict[str, dict[str, float]]:
    """Return language -> figures of an encoder; query i is about plot own[i]."""
    encoder = find_class("encode", name)()
    if name == "lsa":
        encoder.fit(plots, Interactions.of([0], [0], shape=(1, len(plots))))
    rows = encoder.encode(plots).vectors
    figures = {}
    for number, language in enumerate(LANGUAGES):
        queries = [texts[number] for texts in FILM_QUERIES.values()]
        figures[language] = shares(encoder.encode(queries).vectors @ rows.T, own)
    return figures


def shares(scores: Floats, own: np.ndarray) -> dict[str, float]:
    """Return how often the right plot comes first; a tie is none."""
    right = scores[np.arange(len(own)), own][:, None]
    ranks = (scores >= right).sum(axis=1)
    return {
        "first_of_50": float(((scores[:, own] >= right).sum(axis=1) == 1).mean()),
        "first_of_all": float((ranks == 1).mean()),
        "first_ten_of_all": float((ranks <= 10).mean()),
    }


if __name__ == "__main__":
    main()
