"""Do texts find the pictures of items that no aligner has seen, and what does alignment cost?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.alignment

1. Studio world, 2,000 items: each aligner is fitted on 1,200, its settings are chosen by R@10 on
   300 others, fitted again on these 1,500, and asked on 500 unseen ones. The floor: features as
   they are (cut to one width), the ceiling ridge regressions from each modality to the true shared
   factors. Three worlds; mean and sd.
2. Closed forms on 100,000 items x 2 x 512 against their own bare Gram products and
   eigendecompositions, in turns in one run.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.results import save_results
from polyrec.config import parse_config
from polyrec.data.load import load_dataset
from polyrec.data.synthetic import Studio, make_world
from polyrec.evaluate.alignment import retrieval
from polyrec.pipeline import run as pipeline
from polyrec.registry import find_class
from polyrec.types import Embeddings, Floats, Interactions, Views

SEEDS = (7, 8, 9)
RIDGES = (0.01, 0.1, 0.3, 1.0)
GRIDS: Mapping[str, Mapping[str, tuple]] = {
    "linear": {"ridge": RIDGES, "width": (16, 48), "anchor": ("text", "image")},
    "procrustes": {"ridge": RIDGES, "width": (8, 16, 48)},
    "cca": {"ridge": RIDGES, "width": (8, 24), "components": (48, 96, 192)},
    "sinkhorn": {"ridge": (0.1, 1.0), "width": (8, 16), "rounds": (1, 3)},
    "infonce": {"ridge": (0.1, 0.3, 1.0), "width": (8, 24), "rate": (3e-4, 2e-3)},
    "uniform": {"ridge": (0.1, 0.3, 1.0), "width": (8, 24), "rate": (3e-4, 2e-3)},
    "cosine": {"ridge": RIDGES, "width": (8, 24)},
    "behaviour": {"pull": (0.1, 0.3, 1.0), "width": (16, 32)},
}


def main() -> None:
    save_results("alignment", {"retrieval": worlds(), "closed_forms": speed()})


def worlds() -> dict:
    tables = [world(seed) for seed in SEEDS]
    told = {}
    for name in tables[0]:
        rows = np.array([table[name] for table in tables])
        told[name] = {
            "recall@1": round(float(rows[:, 0].mean()), 4), "sd": round(float(rows[:, 0].std()), 4),
            "recall@10": round(float(rows[:, 1].mean()), 4),
        }  # fmt: skip
    floor, ceiling = told["as they are"]["recall@1"], told["true factors"]["recall@1"]
    best = max((n for n in told if n in GRIDS), key=lambda name: told[name]["recall@1"])
    reached = told[best]["recall@1"]
    goals = {"over_floor": 5, "of_ceiling": 0.6}
    shares = {"over_floor": round(reached / floor, 1), "of_ceiling": round(reached / ceiling, 2)}
    return {"table": told, "best": best, **shares, "goals": goals}


def world(seed: int) -> dict[str, tuple[float, float]]:
    """Return R@1 and R@10 from text to picture of each aligner on one world's unseen items."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        studio = Studio(items=2000, users=2000, damaged=0, missing=0, seed=seed)
        make_world(folder / "world", studio)
        data = {"path": str(folder / "world"), "text": ["title", "description"], "image": "image"}
        tree = {"preset": "shop", "data": data, "cache": str(folder / "c.sqlite")}
        config = parse_config(tree, folder=folder)
        dataset = load_dataset(config.data, weights=config.weights, seed=seed).dataset
        views = pipeline.encode(config, dataset)[1]
        factors = np.load(folder / "world/truth/truth.npz")["shared"]
    order = np.random.default_rng(seed).permutation(2000)
    parts = {"fit": order[:1200], "valid": order[1200:1500], "unseen": order[1500:]}
    found = {
        "as they are": asked(_take(views, parts["unseen"])),
        "true factors": truth(views, factors, parts),
    }
    for name in GRIDS:
        found[name] = chosen(name, views, parts, dataset.train)
        print(seed, name, found[name], file=sys.stderr, flush=True)
    return found


def chosen(
    name: str, views: Views, parts: Mapping[str, np.ndarray], train: Interactions
) -> tuple[float, float]:
    """Return what the settings that are best on valid reach on the unseen."""
    grid = GRIDS[name]
    tried = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        part = _fitted(name, settings, views, parts["fit"], train)
        tried.append((asked(part.align(_take(views, parts["valid"])))[1], settings))
    best = max(tried, key=lambda entry: entry[0])[1]
    both = np.concatenate([parts["fit"], parts["valid"]])
    part = _fitted(name, best, views, both, train)
    return asked(part.align(_take(views, parts["unseen"])))


def _fitted(
    name: str, settings: Mapping[str, Any], views: Views, rows: np.ndarray, train: Interactions
) -> Any:
    # items that are not to be seen are absent: behaviour keeps its numbering
    here = np.zeros(len(views["text"]), bool)
    here[rows] = True
    known = {n: Embeddings(v.vectors, v.present & here) for n, v in views.items()}
    return find_class("align", name)(**settings).fit(known, train)


def asked(views: Views) -> tuple[float, float]:
    """Return R@1 and R@10 of pictures asked for by texts."""
    rows = [_unit(views[name].vectors) for name in ("text", "image")]
    width = min(x.shape[1] for x in rows)
    return retrieval(rows[0][:, :width], rows[1][:, :width], ks=(1, 10))[0]


def truth(views: Views, factors: Floats, parts: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """Return the same for ridge regressions of each modality on the factors it was made from."""
    best = (-1.0, (0.0, 0.0))
    for ridge in (0.1, 1.0, 10.0):
        told = {}
        for part in ("valid", "unseen"):
            rows = {
                name: Embeddings(
                    _regressed(view.vectors, factors, parts["fit"], parts[part], ridge),
                    np.ones(len(parts[part]), bool),
                )
                for name, view in views.items()
            }
            told[part] = asked(rows)
        best = max(best, (told["valid"][1], told["unseen"]))
    return best[1]


def _regressed(
    rows: Floats, wanted: Floats, known: np.ndarray, asked_for: np.ndarray, ridge: float
) -> Floats:
    centre, mean = rows[known].mean(axis=0), wanted[known].mean(axis=0)
    mine = rows[known] - centre
    square = mine.T @ mine + ridge * np.eye(rows.shape[1])
    turn = np.linalg.solve(square, mine.T @ (wanted[known] - mean))
    return np.asarray((rows[asked_for] - centre) @ turn, np.float32)


def _take(views: Views, rows: np.ndarray) -> dict[str, Embeddings]:
    return {name: view.take(rows) for name, view in views.items()}


def _unit(rows: Floats) -> Floats:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def speed() -> dict:
    """Seconds of fitting closed forms over those of the bare products they can't avoid."""
    generator = np.random.default_rng(0)
    here = np.ones(100_000, bool)
    rows = [generator.standard_normal((100_000, 512), np.float32) for _ in range(2)]
    views = dict(zip(("image", "text"), (Embeddings(x, here) for x in rows), strict=True))

    def grams(*, cross: bool) -> Callable[[], None]:
        def bare() -> None:
            wide = [x.astype(np.float64) for x in rows]
            for x in wide:
                np.linalg.eigh(x.T @ x)
            if cross:
                np.linalg.svd(wide[0].T @ wide[1])

        return bare

    told = {}
    for name, settings, cross in (
        ("whiten", {}, False), ("cca", {"components": 512}, True),
    ):  # fmt: skip
        part = find_class("align", name)(**settings)
        pieces = (lambda part=part: part.fit(views, None), grams(cross=cross))
        least = [float("inf")] * 2
        for _ in range(3):
            for i, piece in enumerate(pieces):
                start = time.perf_counter()
                piece()
                least[i] = min(least[i], time.perf_counter() - start)
        told[name] = {"seconds": round(least[0], 2), "bare_seconds": round(least[1], 2),
                      "ratio": round(least[0] / least[1], 2), "goal": 1.5}  # fmt: skip
    return told


if __name__ == "__main__":
    main()
