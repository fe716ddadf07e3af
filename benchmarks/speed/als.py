"""How fast is ALS compared with implicit's, at equal rank and iterations, on one thread?

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.als

Processor seconds, by turns, best of three. implicit takes three steps of conjugate gradient per
row; polyrec's solutions are exact.
"""

from implicit.als import AlternatingLeastSquares
from scipy import sparse

from benchmarks.library.data_sets import load_public_dataset
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.recommend.factors.als import ALS

ROUNDS = 4


def main() -> None:
    figures = []
    for name in ("lastfm2k_mm", "amazon_baby", "movielens_small_mm"):
        train = load_public_dataset(name).train
        train = train.take(train.weights > 0)
        matrix = sparse.csr_matrix(train.positives())
        for dim in (64, 128):
            model = ALS(dim=dim, rounds=ROUNDS)
            peer = AlternatingLeastSquares(factors=dim, iterations=ROUNDS, num_threads=1)
            seconds, peer_seconds = best_of(
                3,
                lambda model=model, train=train: model.fit(train, {}),
                lambda peer=peer, matrix=matrix: peer.fit(matrix, show_progress=False),
            )
            figures.append({
                "data": name, "events": len(train), "dim": dim, "rounds": ROUNDS,
                "seconds": round(seconds, 2), "implicit_seconds": round(peer_seconds, 2),
                "ratio": round(seconds / peer_seconds, 2), "goal": 2.0,
            })  # fmt: skip
    save_results("als", figures)


if __name__ == "__main__":
    main()
