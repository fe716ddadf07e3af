"""Do words find posters of unseen films, in a space learned from the catalogue alone?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.joint_space

1,400 films of MovieLens with a poster and a plot, drawn at random: 1,000 to fit, 200 to choose the
settings by R@10, 200 unseen. Texts (genres, plot, keywords) by LSA or E5, posters by descriptor or
EfficientNet (polyrec models add), joined by CCA or InfoNCE; R@k is the share of the unseen films
whose text finds their poster among the first k of 200. Chance: k / 200; the standard deviation is
that of a share of 200. Results: joint_space.json.
"""

import itertools
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.results import save_results
from polyrec.contracts import FitsContents
from polyrec.evaluate.alignment import retrieval_recall
from polyrec.index.vectors import unit_rows
from polyrec.registry import find_class
from polyrec.types import Embeddings, Interactions, Views

FOLDER = SHARED_DATA / "movielens_small_mm"
FIT, VALID, UNSEEN, SEED = 1000, 200, 200, 7
NONE = Interactions.of([0], [0], shape=(1, FIT + VALID + UNSEEN))
GRIDS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "cca": {"ridge": (0.1, 0.3, 1.0), "width": (16, 64), "components": (64, 128)},
    "infonce": {"ridge": (0.3, 1.0), "width": (64,), "rate": (3e-4, 2e-3)},
}


def main() -> None:
    table = pl.read_parquet(FOLDER / "items.parquet")
    table = table.filter(pl.col("plot").is_not_null() & pl.col("poster").is_not_null())
    rows = np.random.default_rng(SEED).permutation(len(table))[: FIT + VALID + UNSEEN]
    table = table[np.sort(rows).tolist()]
    columns = table.select(pl.concat_str("genres", "plot", "keywords", separator=". ",
                                         ignore_nulls=True))  # fmt: skip
    texts = columns.to_series().to_list()
    posters = [FOLDER / path for path in table["poster"].to_list()]
    order = np.random.default_rng(SEED + 1).permutation(len(table))
    views = {"lsa": encode("lsa", texts), "e5": encode("e5", texts),
             "descriptor": encode("descriptor", posters),
             "efficientnet": encode("efficientnet", posters)}  # fmt: skip
    figures: dict[str, Any] = {"chance": {f"recall@{k}": k / UNSEEN for k in (1, 10)}}
    for text, image, aligner in itertools.product(("lsa", "e5"), ("descriptor", "efficientnet"),
                                                  GRIDS):  # fmt: skip
        pair = {"text": views[text], "image": views[image]}
        recalls = measure(aligner, [
            {name: view.take(part) for name, view in pair.items()}
            for part in (order[:FIT], order[FIT:-UNSEEN], order[:-UNSEEN], order[-UNSEEN:])
        ])  # fmt: skip
        figures[f"{text}, {image}, {aligner}"] = recalls
        print(text, image, aligner, recalls, file=sys.stderr, flush=True)
    save_results("joint_space", figures)


def encode(name: str, contents: list[Any]) -> Embeddings:
    """Return a view of one encoder."""
    encoder = find_class("encode", name)()
    if isinstance(encoder, FitsContents):
        encoder.fit(contents, NONE)
    return encoder.encode(contents)


def measure(name: str, parts: list[Views]) -> dict[str, Any]:
    """Return what an aligner reaches on the unseen films with the settings best on valid."""
    fit, valid, both, unseen = parts
    trials = []
    for values in itertools.product(*GRIDS[name].values()):
        settings = dict(zip(GRIDS[name], values, strict=True))
        trials.append((recalls_of(name, settings, fit, valid)["recall@10"], settings))
    best = max(trials, key=lambda trial: trial[0])[1]
    return {**recalls_of(name, best, both, unseen), "settings": best}


def recalls_of(name: str, settings: Mapping[str, Any], fit: Views, test: Views) -> dict[str, float]:
    """Return R@1 and R@10 of the posters of films by their texts."""
    views = find_class("align", name)(**settings).fit(fit, NONE).align(test)
    paired = views["text"].present & views["image"].present
    texts, images = (unit_rows(views[view].vectors)[paired] for view in ("text", "image"))
    recalls = retrieval_recall(texts, images, ks=(1, 10))[0]
    return {f"recall@{k}": round(float(r), 4) for k, r in zip((1, 10), recalls, strict=True)}


if __name__ == "__main__":
    main()
