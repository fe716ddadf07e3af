"""Valid tells a model when to stop, by the same figure as the evaluation."""

import numpy as np

from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.recommend.early_stopping import ranking_watch
from polyrec.recommend.linear.rp3beta import RP3Beta
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions


def events(seed: int, count: int) -> Interactions:
    generator = np.random.default_rng(seed)
    pairs = np.unique(generator.integers(0, 40, (count, 2)), axis=0)
    return Interactions.of(pairs[:, 0], pairs[:, 1], shape=(50, 40))


def test_the_watch_measures_what_compat_measures() -> None:
    train, valid = events(0, 300), events(1, 120)
    model = RP3Beta().fit(train, {})
    watch = ranking_watch(model.score, train, valid)
    assert watch is not None
    assert watch.higher_is_better
    expected = evaluate_top_k(model, train, valid, ["recall@20"]).means["recall@20"]
    assert abs(watch.measure() - expected) < 1e-12


def test_with_repeats_an_item_taken_again_is_a_hit() -> None:
    train = Interactions.of([0, 0, 0, 1], [3, 1, 3, 2], times=[0, 1, 2, 0], shape=(2, 40))
    valid = Interactions.of([0], [3], shape=(2, 40))
    queries: list[np.ndarray] = []

    def last_item(query):
        queries.append(query.items)
        scores = np.zeros((len(query), 40), np.float32)
        scores[:, query.items[-1]] = 1
        return scores

    recalls = {}
    for repeats in (False, True):
        watch = ranking_watch(last_item, train, valid, repeats=repeats)
        assert watch is not None
        recalls[repeats] = watch.measure()
    assert recalls == {False: 0.0, True: 1.0}
    assert [items.tolist() for items in queries] == [[1, 3], [3, 1, 3]]


def test_nobody_to_ask_is_no_watch() -> None:
    train = events(0, 300)
    assert ranking_watch(Popular().score, train, None) is None
    assert ranking_watch(Popular().score, train, train.take(np.zeros(0, int))) is None


def test_an_empty_valid_is_no_valid() -> None:
    class Records(Popular):
        def _fit(self, train, items, valid):
            self.valid = valid

    train, valid = events(0, 300), events(1, 120)
    assert Records().fit(train, valid=valid).valid is valid
    assert Records().fit(train, valid=valid.take(np.zeros(0, int))).valid is None
    assert Records().fit(train).valid is None
