"""How fast is ALS beside implicit's, at equal rank and rounds, in one thread?

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.als

Processor seconds, in turns, best of three. implicit takes three steps of conjugate gradient per
row; ours are exact.
"""

from implicit.als import AlternatingLeastSquares
from scipy import sparse

from benchmarks.library.data_sets import config_path
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.config import read_config
from polyrec.data.load import load_dataset
from polyrec.recommend.factors.als import ALS

ROUNDS = 4


def main() -> None:
    figures = []
    for name in ("lastfm2k_mm", "amazon_baby", "movielens_small_mm"):
        config = read_config(config_path(name))
        train = load_dataset(config.data, weights={}, seed=7).dataset.train
        train = train.take(train.weights > 0)
        taken = sparse.csr_matrix(train.positives())
        for dim in (64, 128):
            model = ALS(dim=dim, rounds=ROUNDS)
            peer = AlternatingLeastSquares(factors=dim, iterations=ROUNDS, num_threads=1)
            ours, theirs = best_of(
                3,
                lambda model=model, train=train: model.fit(train, {}),
                lambda peer=peer, taken=taken: peer.fit(taken, show_progress=False),
            )
            figures.append({
                "data": name, "events": len(train), "dim": dim, "rounds": ROUNDS,
                "seconds": round(ours, 2), "implicit_seconds": round(theirs, 2),
                "ratio": round(ours / theirs, 2), "goal": 2.0,
            })  # fmt: skip
    save_results("als", figures)


if __name__ == "__main__":
    main()
