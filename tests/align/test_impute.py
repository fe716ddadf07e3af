"""Which guesses are right, and what may not be guessed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyrec.align.impute import Impute, ridge_regression
from polyrec.artifact import part_state
from polyrec.contracts import Aligner
from polyrec.errors import ConfigError, FitError
from polyrec.types import FUSED, Embeddings, Interactions, Problem

METHODS = ("ridge", "cca", "neighbours", "mean", "zero")
ITEMS = 300


def world(noise: float = 0.1, seed: int = 0, lost: float = 0.3) -> tuple[dict, dict]:
    """Return views of 4 shared factors where every item has one at least, and the same unharmed."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(ITEMS, 4))
    full, views = {}, {}
    alone = generator.integers(3, size=ITEMS)
    for i, (name, width) in enumerate((("audio", 6), ("image", 9), ("text", 5))):
        rows = shared @ generator.normal(size=(4, width)) + generator.normal(size=width)
        rows = (rows + noise * generator.normal(size=rows.shape)).astype(np.float32)
        mask = (generator.random(ITEMS) >= lost) | (alone == i)
        full[name] = Embeddings(rows, np.ones(ITEMS, bool))
        views[name] = Embeddings(np.where(mask[:, None], rows, 0), mask)
    return views, full


def behaviour(seed: int = 0, users: int = 60, items: int = ITEMS) -> Interactions:
    generator = np.random.default_rng(seed)
    pairs = np.argwhere(generator.random((users, items)) < 0.1)
    return Interactions.of(pairs[:, 0], pairs[:, 1], shape=(users, items))


def error(filled: dict, views: dict, full: dict) -> float:
    """Return the mean squared error of the filled rows in units of the view's variance."""
    errors = []
    for name, view in views.items():
        absent = ~view.present
        missed = filled[name].vectors[absent] - full[name].vectors[absent]
        errors.append((missed**2).mean() / full[name].vectors.var(axis=0).mean())
    return float(np.mean(errors))


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[n].vectors, second[n].vectors)
        and np.array_equal(first[n].present, second[n].present)
        for n in first
    )


def test_what_other_views_tell_is_recovered_and_baselines_are_beaten() -> None:
    views, full = world()
    errors = {
        method: error(Impute(method).fit(views, behaviour()).align(views), views, full)
        for method in METHODS
    }
    assert errors["ridge"] < 0.1
    assert errors["cca"] < 0.1
    # behaviour is drawn at random here: its neighbours are anybody
    assert errors["ridge"] < 0.2 * errors["mean"] < errors["neighbours"] < errors["zero"]
    assert errors["mean"] == pytest.approx(1, abs=0.2)


def test_cca_reads_the_little_that_two_wide_views_share() -> None:
    generator = np.random.default_rng(0)
    errors = {}
    for method in ("ridge", "cca", "mean"):
        generator = np.random.default_rng(0)
        shared = generator.normal(size=(400, 1))
        rows = [np.hstack([shared + 0.3 * generator.normal(size=(400, 1)),
                           generator.normal(size=(400, 99))]) for _ in range(2)]  # fmt: skip
        rotated = [(r @ np.linalg.qr(generator.normal(size=(100, 100)))[0]).astype(np.float32)
                  for r in rows]  # fmt: skip
        mask = np.arange(400) < 300
        full = {"a": Embeddings(rotated[0], np.ones(400, bool)),
                 "b": Embeddings(rotated[1], np.ones(400, bool))}  # fmt: skip
        views = full | {"b": Embeddings(rotated[1] * mask[:, None], mask)}
        filled = Impute(method).fit(views, behaviour(items=400)).align(views)
        missed = filled["b"].vectors[~mask] - rotated[1][~mask]
        errors[method] = float((missed**2).mean())
    assert errors["cca"] < errors["mean"]
    assert errors["cca"] < errors["ridge"]


def test_the_better_source_has_the_say_column_by_column() -> None:
    generator = np.random.default_rng(1)
    target, mask = generator.normal(size=(ITEMS, 2)).astype(np.float32), np.ones(ITEMS, bool)
    noise = generator.normal(size=(ITEMS, 2)).astype(np.float32)
    partly = np.arange(ITEMS) >= 50
    views = {
        "a": Embeddings(np.stack([target[:, 0], noise[:, 0]], axis=1), mask),
        "b": Embeddings(np.stack([noise[:, 1], target[:, 1]], axis=1), mask),
        "c": Embeddings(np.where(partly[:, None], target, 0), partly),
    }
    filled = Impute(ridge=1e-3).fit(views, None).align(views)["c"]
    assert filled.present.all()
    assert np.allclose(filled.vectors[:50], target[:50], atol=0.05)


@given(seed=st.integers(0, 99), ridge=st.sampled_from([1e-3, 0.1, 3.0]))
def test_trust_is_what_leaving_each_item_out_says(seed: int, ridge: float) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(12, 3))
    wanted = (rows @ generator.normal(size=(3, 2)) + generator.normal(size=(12, 2))).astype("f4")
    _, trust = ridge_regression(rows, wanted, [ridge])
    missed, usual = np.zeros(2), np.zeros(2)
    for i in range(12):
        rest = np.arange(12) != i
        x, y = rows[rest] - rows[rest].mean(axis=0), wanted[rest] - wanted[rest].mean(axis=0)
        # the penalty is a sum over all 12: leaving one out leaves it as it is
        turn = np.linalg.solve(x.T @ x + 12 * ridge * np.eye(3), x.T @ y)
        guess = (rows[i] - rows[rest].mean(axis=0)) @ turn + wanted[rest].mean(axis=0)
        missed += (wanted[i] - guess) ** 2
        usual += (wanted[i] - wanted[rest].mean(axis=0)) ** 2
    share = np.maximum(1 - missed / usual, 0)
    assert np.allclose(trust, share / (1 - share), atol=1e-4)


def test_the_ridge_is_the_one_that_items_left_out_favour() -> None:
    for noise, expected in ((0.05, 0.01), (8.0, 1.0)):
        views, full = world(noise)
        errors = {
            ridge: error(Impute(ridge=ridge).fit(views, None).align(views), views, full)
            for ridge in (None, 0.01, 0.1, 1.0, 10.0)
        }
        assert errors[None] <= 1.05 * min(errors.values())
        assert errors[expected] < 1.05 * min(errors.values())


def test_a_source_that_tells_nothing_fills_in_nothing() -> None:
    views, _ = world()
    constant = Embeddings(np.ones((ITEMS, 3), np.float32), np.ones(ITEMS, bool))
    given = {"image": views["image"], "constant": constant}
    filled = Impute().fit(given, None).align(given)
    assert np.array_equal(filled["image"].present, views["image"].present)


def test_a_view_that_comes_alone_has_no_source() -> None:
    views, _ = world()
    filled = Impute().fit(views, None).align({"text": views["text"]})
    assert np.array_equal(filled["text"].present, views["text"].present)


def test_neighbours_in_behaviour_lend_their_rows(
    checkerboard: Interactions, parity_views: dict[str, Embeddings]
) -> None:
    part = Impute("neighbours", neighbours=5).fit(parity_views, checkerboard)
    filled = part.align(parity_views)["image"]
    odd = parity_views["image"].vectors[[1, 3, 5, 7, 9]]
    assert filled.present.all()
    assert np.allclose(filled.vectors[11], odd.mean(axis=0), atol=1e-6)


def test_neighbours_equal_those_found_one_by_one() -> None:
    views, _ = world()
    train = behaviour()
    taken = train.matrix().toarray()
    filled = Impute("neighbours", neighbours=4).fit(views, train).align(views)
    compared = 0
    for name, view in views.items():
        for item in np.flatnonzero(~view.present):
            cosines = taken.T @ taken[:, item]
            cosines /= np.sqrt(np.maximum(taken.sum(axis=0) * taken[:, item].sum(), 1))
            cosines[~view.present] = -1
            best = np.argsort(-cosines)[:5]
            if cosines[best[3]] > cosines[best[4]] + 1e-5:  # else it is a matter of rounding
                expected = view.vectors[best[:4]].mean(axis=0)
                assert np.allclose(filled[name].vectors[item], expected, atol=1e-5)
                compared += 1
    assert compared > 50


def test_an_item_nobody_took_and_new_items_have_no_neighbours() -> None:
    mask = np.array([True, True, False, False])
    views = {"text": Embeddings(np.eye(4, dtype=np.float32), mask)}
    train = Interactions.of([0, 0, 0], [0, 1, 2], shape=(1, 4))
    part = Impute("neighbours").fit(views, train)
    filled = part.align(views)["text"]
    assert filled.present.tolist() == [True, True, True, False]
    assert filled.vectors[2].tolist() == [0.5, 0.5, 0, 0]
    few = part.align({"text": views["text"].take([0, 2])})["text"]
    assert few.present.tolist() == [True, False]
    # lost since fit: the others speak for it
    later = part.align({"text": Embeddings(views["text"].vectors, np.arange(4) == 1)})["text"]
    assert later.vectors[0].tolist() == later.vectors[2].tolist() == [0, 1, 0, 0]
    # nobody's behaviour, nobody's neighbour
    none_present = Impute("neighbours").fit(views, None).align(views)["text"]
    assert np.array_equal(none_present.present, mask)


def test_an_item_without_any_view_stays_without_except_for_the_baselines() -> None:
    views, _ = world()
    views = {n: Embeddings(v.vectors, v.present & (np.arange(ITEMS) > 0)) for n, v in views.items()}
    for method, stays in (("ridge", True), ("mean", False), ("zero", False)):
        filled = Impute(method).fit(views, None).align(views)
        assert all(view.present[0] != stays for view in filled.values())
        assert all(view.present[1:].all() for view in filled.values())


@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_it_is_an_aligner_that_bundles_remember(self, method: str) -> None:
        views, _ = world()
        part = Impute(method)
        assert isinstance(part, Aligner)
        once = part.fit(views, behaviour()).align(views)
        fresh = Impute(**part_state.part_settings(part))
        part_state.load_learned(fresh, *part_state.dump_learned(part))
        assert same(fresh.align(views), once)
        other, _ = world(seed=3)
        assert same(part.fit(other, None).fit(views, behaviour()).align(views), once)

    @pytest.mark.parametrize("junk", [np.nan, -np.inf, 3.4e38, 1e-45, 1.0])
    def test_what_absent_rows_hold_changes_no_bit(self, method: str, junk: float) -> None:
        views, _ = world()
        other = {
            name: Embeddings(np.where(v.present[:, None], v.vectors, np.float32(junk)), v.present)
            for name, v in views.items()
        }
        once = Impute(method).fit(views, behaviour()).align(views)
        assert same(Impute(method).fit(other, behaviour()).align(other), once)

    def test_present_rows_problems_spaces_and_the_fused_view_stay(self, method: str) -> None:
        views, _ = world()
        lost = int(np.flatnonzero(~views["text"].present)[0])
        text = views["text"]
        problems = {lost: Problem("damaged", "no end")}
        given = views | {
            "text": Embeddings(text.vectors, text.present, problems, "clip"),
            FUSED: Embeddings(text.vectors, text.present),
        }
        before = {name: view.vectors.copy() for name, view in given.items()}
        filled = Impute(method).fit(given, behaviour()).align(given)
        assert filled["text"].problems == problems
        assert filled["text"].space == "clip"
        assert same({FUSED: filled[FUSED]}, {FUSED: given[FUSED]})
        for name, view in given.items():
            assert np.array_equal(filled[name].vectors[view.present], view.vectors[view.present])
            filled[name].vectors[:] = 7
            filled[name].present[:] = False
            assert np.array_equal(view.vectors, before[name])
        # it is no source either
        without = Impute(method).fit(views, behaviour()).align(views)
        again = Impute(method).fit(given, behaviour()).align(given)
        assert same(without | {FUSED: given[FUSED]}, again)

    def test_items_and_views_in_another_order_get_the_same_guesses(self, method: str) -> None:
        views, _ = world()
        train, order = behaviour(), np.random.default_rng(3).permutation(ITEMS)
        rotated = {name: view.take(order) for name, view in reversed(views.items())}
        moved = Interactions.of(train.users, np.argsort(order)[train.items], shape=train.shape)
        first = Impute(method, neighbours=ITEMS).fit(views, train).align(views)
        second = Impute(method, neighbours=ITEMS).fit(rotated, moved).align(rotated)
        for name, view in first.items():
            assert np.array_equal(second[name].present, view.present[order])
            assert np.allclose(second[name].vectors, view.vectors[order], atol=1e-3)

    @given(case=st.data())
    def test_any_catalogue_comes_out_finite_and_nothing_is_lost(
        self, method: str, case: st.DataObject
    ) -> None:
        rows = arrays(np.float32, (5, 2), elements=st.integers(-9, 9).map(float))
        mask = arrays(np.bool_, 5)
        given_views = {n: Embeddings(case.draw(rows), case.draw(mask)) for n in ("a", "b", "c")}
        train = behaviour(case.draw(st.integers(0, 9)), users=8, items=5)
        filled = Impute(method, ridge=0.0).fit(given_views, train).align(given_views)
        for name, view in filled.items():
            assert np.isfinite(view.vectors).all()
            assert not view.vectors[~view.present].any()
            assert (view.present >= given_views[name].present).all()

    def test_odd_catalogues_are_survived(self, method: str) -> None:
        assert Impute(method).fit({}, None).align({}) == {}
        views, _ = world()
        first = {name: view.take([0]) for name, view in views.items()}
        Impute(method).fit(first, None).align(first)
        none_present = Interactions.of([], [], shape=(0, 0))
        empty = {name: view.take(np.arange(0)) for name, view in views.items()}
        assert len(Impute(method).fit(empty, none_present).align(empty)["text"]) == 0
        gone = views | {"text": Embeddings(views["text"].vectors, np.zeros(ITEMS, bool))}
        filled = Impute(method).fit(gone, behaviour()).align(gone)["text"]
        assert filled.present.any() == (method == "zero")


def test_what_does_not_fit_is_refused() -> None:
    views, _ = world()
    with pytest.raises(ConfigError, match="unknown method: received 'ridges'; did you mean"):
        Impute("ridges").fit(views, None)
    for settings in ({"ridge": -1.0}, {"components": 0}, {"neighbours": 0}):
        with pytest.raises(ConfigError, match=f"{next(iter(settings))} is out of range"):
            Impute(**settings).fit(views, None)
    part = Impute().fit(views, None)
    with pytest.raises(FitError, match="a view unknown at fit: received 'smell'"):
        part.align({"smell": views["text"]})
    with pytest.raises(FitError, match="text has another width than at fit: received 9"):
        part.align({"text": views["image"]})
