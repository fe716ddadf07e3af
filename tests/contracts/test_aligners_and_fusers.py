"""What every registered aligner and fuser promises."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Aligner, Fuser
from polyrec.errors import FitError
from polyrec.registry import find_class, registered_parts
from polyrec.types import FUSED, Embeddings, Interactions

JUNK = (np.nan, -np.inf, 3.4e38, 1e-45, 1.0)
TRAINED = {"infonce", "uniform"}
GIVEN_WEIGHTS = {"concat", "mean"}
ALIGNERS, FUSERS = sorted(registered_parts("align")), sorted(registered_parts("fuse"))


def views(seed: int = 0, items: int = 40) -> dict[str, Embeddings]:
    """Return three views of one width with common factors; some rows are absent and hold junk."""
    generator = np.random.default_rng(seed)
    shared = generator.standard_normal((items, 3))
    found = {}
    for name in ("text", "image", "audio"):
        rows = shared @ generator.standard_normal((3, 6)) + 0.1 * generator.standard_normal(
            (items, 6)
        )
        present = generator.random(items) > 0.2
        rows[~present] = 0
        found[name] = Embeddings(rows.astype(np.float32), present)
    return found


def with_junk(given: dict[str, Embeddings], junk: float = np.nan) -> dict[str, Embeddings]:
    return {
        name: Embeddings(np.where(v.present[:, None], v.vectors, np.float32(junk)), v.present)
        for name, v in given.items()
    }


def equal(one: dict[str, Embeddings], two: dict[str, Embeddings]) -> bool:
    return one.keys() == two.keys() and all(
        np.array_equal(one[n].vectors, two[n].vectors)
        and np.array_equal(one[n].present, two[n].present)
        for n in one
    )


def aligner(name: str) -> Aligner:
    return find_class("align", name)(**({"epochs": 2} if name in TRAINED else {}))


@pytest.mark.parametrize("name", ALIGNERS)
class TestAligner:
    def test_it_is_one_and_its_settings_make_it_again(self, name: str) -> None:
        part = find_class("align", name)()
        assert isinstance(part, Aligner)
        assert make_part(type(part), part_state.part_settings(part), where="align") == part

    def test_absent_stays_absent_and_its_content_changes_no_bit(self, name: str) -> None:
        given = views()
        aligned = aligner(name).fit(given, None).align(given)
        for view, rows in aligned.items():
            if name != "impute":
                assert np.array_equal(rows.present, given[view].present)
            assert not rows.vectors[~rows.present].any()
            assert rows.vectors.dtype == np.float32
        for junk in JUNK:
            other = with_junk(given, junk)
            assert equal(aligner(name).fit(other, None).align(other), aligned)

    def test_absent_items_are_as_good_as_not_there(self, name: str) -> None:
        given = {n: Embeddings(v.vectors, np.ones(40, bool)) for n, v in views().items()}
        more = {
            n: Embeddings(np.vstack([v.vectors, views(9)[n].vectors]), np.arange(80) < 40)
            for n, v in given.items()
        }
        aligned = aligner(name).fit(more, None).align(given)
        assert equal(aligned, aligner(name).fit(given, None).align(given))

    def test_the_order_of_items_and_views_at_fit_does_not_matter(self, name: str) -> None:
        if name in TRAINED:
            pytest.skip("batches follow the order of items")
        given = views()
        order = np.random.default_rng(3).permutation(40)
        turned = {n: v.take(order) for n, v in reversed(given.items())}
        one = aligner(name).fit(given, None).align(given)
        two = aligner(name).fit(turned, None).align(given)
        for view, rows in one.items():
            assert np.allclose(two[view].vectors, rows.vectors, atol=1e-4)

    def test_it_leaves_what_it_was_given_as_it_was(self, name: str) -> None:
        given, before = views(), views()
        aligned = aligner(name).fit(given, None).align(given)
        for rows in aligned.values():
            rows.vectors[:] = 7
            rows.present[:] = True
        assert equal(given, before)

    def test_fitting_again_forgets_and_bundles_remember(self, name: str) -> None:
        given, part = views(), aligner(name)
        once = part.fit(given, None).align(given)
        assert equal(part.fit(views(5, 9), None).fit(given, None).align(given), once)
        fresh = find_class("align", name)()
        part_state.load_learned(fresh, *part_state.dump_learned(part))
        assert equal(fresh.align(given), once)

    def test_permuted_items_come_out_permuted(self, name: str) -> None:
        given = views()
        order = np.random.default_rng(3).permutation(40)
        part = aligner(name).fit(given, None)
        moved = part.align({n: v.take(order) for n, v in given.items()})
        for view, rows in part.align(given).items():
            assert np.allclose(moved[view].vectors, rows.vectors[order], atol=1e-6)

    def test_some_views_and_new_items_are_aligned_the_same_way(self, name: str) -> None:
        given = views()
        part = aligner(name).fit(given, None)
        few = part.align({"text": given["text"].take([3, 4])})
        assert list(few) == ["text"]
        assert np.allclose(
            few["text"].vectors, part.align(given)["text"].vectors[[3, 4]], atol=1e-6
        )

    @pytest.mark.parametrize(
        "case", ["single", "constant", "duplicate", "few", "absent", "alone", "none"]
    )
    def test_odd_catalogues_give_finite_results(self, name: str, case: str) -> None:
        given = views()
        if case == "single":
            given = {n: v.take([0]) for n, v in given.items()}
        elif case == "few":
            given = {n: v.take([0, 1, 2]) for n, v in given.items()}
        elif case == "duplicate":
            given = {n: v.take([0, 0, 0, 1, 1]) for n, v in given.items()}
        elif case == "constant":
            given["text"] = Embeddings(np.ones((40, 6), np.float32), np.ones(40, bool))
        elif case == "absent":
            given["text"] = Embeddings(np.zeros((40, 6), np.float32), np.zeros(40, bool))
        elif case == "alone":
            given = {"text": given["text"]}
        elif case == "none":
            given = {}
        aligned = aligner(name).fit(given, None).align(given)
        assert all(np.isfinite(rows.vectors).all() for rows in aligned.values())
        assert aligned.keys() == given.keys()


def odd(case: str) -> dict[str, Embeddings]:
    """Return what a catalogue may look like when something is wrong with it."""
    given = views()
    if case in ODD_ROWS:
        return {n: v.take(ODD_ROWS[case]) for n, v in given.items()}
    here, nobody = np.ones(40, bool), np.zeros(40, bool)
    noise = np.random.default_rng(4).standard_normal((40, 6)).astype(np.float32)
    if case == "no pair":  # no item has two views
        turns = np.arange(40) % 3
        return {n: Embeddings(v.vectors, turns == i) for i, (n, v) in enumerate(given.items())}
    column = given["text"].vectors.copy()
    column[:, 2] = 7
    replaced = {
        "nothing shared": Embeddings(noise, here),
        "constant": Embeddings(np.ones((40, 6), np.float32), here),
        "constant column": Embeddings(column, here),
        "absent": Embeddings(noise * 0, nobody),
        "few have it": Embeddings(noise, np.arange(40) < 2),
    }
    return given | {"text": replaced[case]}


ODD_ROWS = {
    "single": [0],
    "few": [0, 1, 2],
    "duplicate": [0, 0, 0, 1, 1],
    "none": np.zeros(0, np.int64),
}
ODD = (*ODD_ROWS, "no pair", "nothing shared", "constant", "constant column", "absent",
       "few have it")  # fmt: skip


def events(items: int) -> Interactions:
    pairs = [(user, item) for user in range(9) for item in range(items) if (user + item) % 3]
    users, taken = (np.array(pairs, np.int64).reshape(-1, 2)[:, i] for i in range(2))
    return Interactions.of(users, taken, shape=(9, items))


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("name", ALIGNERS)
def test_an_aligner_with_behaviour_gives_finite_rows_of_odd_catalogues(
    name: str, case: str
) -> None:
    given = odd(case)
    train = events(len(given["text"]))
    part = aligner(name).fit(given, train)
    aligned = part.align(given)
    for view, rows in aligned.items():
        assert np.isfinite(rows.vectors).all()
        assert not rows.vectors[~rows.present].any()
        assert len(rows) == len(given[view])
    # an item added later is read, too
    new = {n: v.take([3, 5]) for n, v in views().items() if given[n].width == v.width}
    assert all(np.isfinite(rows.vectors).all() for rows in part.align(new).values())


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("name", FUSERS)
def test_a_fuser_with_behaviour_gives_finite_rows_of_odd_catalogues(name: str, case: str) -> None:
    given = odd(case)
    train = events(len(given["text"]))
    quick = {} if name in GIVEN_WEIGHTS else {"epochs": 2, "dim": 8}
    part = find_class("fuse", name)(**quick).fit(given, train)
    fused = part.fuse(given)
    assert np.isfinite(fused.vectors).all()
    assert np.array_equal(fused.present, np.logical_or.reduce([v.present for v in given.values()]))
    assert np.isfinite(part.fuse(views()).vectors).all()


@pytest.mark.parametrize("name", FUSERS)
def test_who_has_everything_is_fused_as_if_there_were_no_mask(name: str) -> None:
    given = views()
    quick = {} if name in GIVEN_WEIGHTS else {"epochs": 2, "dim": 8}
    part = find_class("fuse", name)(**quick).fit(given, events(40))
    whole = np.logical_and.reduce([v.present for v in given.values()])
    alone = part.fuse({n: Embeddings(v.vectors[whole], whole[whole]) for n, v in given.items()})
    assert np.allclose(part.fuse(given).vectors[whole], alone.vectors, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(FUSERS) - GIVEN_WEIGHTS))
def test_what_is_absent_teaches_nothing(name: str) -> None:
    given, train = views(), events(40)
    part = find_class("fuse", name)
    one = part(epochs=2, dim=8).fit(given, train)
    for junk in JUNK[:3]:
        two = part(epochs=2, dim=8).fit(with_junk(given, junk), train)
        assert np.array_equal(one.fuse(given).vectors, two.fuse(given).vectors)
    assert one.losses_


@pytest.mark.parametrize("name", ALIGNERS)
def test_an_aligner_refuses_what_it_can_not_learn_from(name: str) -> None:
    given = views()
    broken = given["text"].vectors.copy()
    broken[given["text"].present.argmax()] = np.nan
    with pytest.raises(FitError, match="features are not finite: received 'text'"):
        aligner(name).fit(given | {"text": Embeddings(broken, given["text"].present)}, None)
    part = aligner(name).fit({"text": given["text"]}, None)
    with pytest.raises(FitError, match="a view unknown at fit: received 'image'"):
        part.align({"image": given["image"]})
    with pytest.raises(FitError, match="text has another width than at fit: received 5"):
        part.align({"text": Embeddings(given["text"].vectors[:, :5], given["text"].present)})
    with pytest.raises(FitError, match="features are not finite: received 'text'"):
        part.align({"text": Embeddings(broken, given["text"].present)})


@pytest.mark.parametrize("name", FUSERS)
class TestFuser:
    def test_it_is_one_and_its_settings_make_it_again(self, name: str) -> None:
        part = find_class("fuse", name)()
        assert isinstance(part, Fuser)
        assert make_part(type(part), part_state.part_settings(part), where="fuse") == part

    def test_an_item_is_there_where_any_view_is(self, name: str) -> None:
        given = views()
        fused = find_class("fuse", name)().fit(given, None).fuse(given)
        anywhere = np.logical_or.reduce([v.present for v in given.values()])
        assert np.array_equal(fused.present, anywhere)
        assert not fused.vectors[~anywhere].any()
        assert np.isfinite(fused.vectors).all()
        assert fused.vectors.dtype == np.float32

    def test_an_absent_modality_changes_no_bit(self, name: str) -> None:
        given = views()
        part = find_class("fuse", name)().fit(given, None)
        for junk in JUNK:
            other = with_junk(given, junk)
            assert np.array_equal(part.fuse(given).vectors, part.fuse(other).vectors)
            again = find_class("fuse", name)().fit(other, None).fuse(given)
            assert np.array_equal(part.fuse(given).vectors, again.vectors)

    @settings(max_examples=10)  # each fits three times
    @given_any(case=st.data())
    def test_rows_are_no_longer_than_one_and_units_do_not_matter(
        self, name: str, case: st.DataObject
    ) -> None:
        rows = arrays(np.float32, (4, 3), elements=st.integers(-9, 9).map(float))
        here = arrays(np.bool_, 4)
        given = {n: Embeddings(case.draw(rows), case.draw(here)) for n in ("a", "b")}
        fused = find_class("fuse", name)().fit(given, None).fuse(given)
        assert (np.linalg.norm(fused.vectors, axis=1) < 1 + 1e-5).all()
        assert np.array_equal(fused.present, given["a"].present | given["b"].present)
        assert not fused.vectors[~fused.present].any()
        for scale in np.float32([2**-100, 2**100]):
            scaled = {n: Embeddings(v.vectors * scale, v.present) for n, v in given.items()}
            again = find_class("fuse", name)().fit(scaled, None).fuse(scaled)
            assert np.allclose(again.vectors, fused.vectors, atol=1e-6)

    def test_fitting_again_forgets(self, name: str) -> None:
        given, part = views(), find_class("fuse", name)()
        once = part.fit(given, None).fuse(given).vectors
        other = {"smell": Embeddings(np.ones((2, 9), np.float32), np.ones(2, bool))}
        again = part.fit(other, None).fit(given, None).fuse(given).vectors
        assert np.array_equal(again, once)

    def test_odd_catalogues_give_finite_rows(self, name: str) -> None:
        nothing = find_class("fuse", name)().fit({}, None).fuse({})
        assert nothing.vectors.shape == (0, 0)
        nobody = {n: Embeddings(v.vectors, v.present & False) for n, v in views().items()}
        assert not find_class("fuse", name)().fit(nobody, None).fuse(nobody).present.any()
        zero = {n: Embeddings(v.vectors * 0, v.present) for n, v in views().items()}
        assert not find_class("fuse", name)().fit(zero, None).fuse(zero).vectors.any()

    def test_rows_that_do_not_fit_are_refused(self, name: str) -> None:
        given = views()
        part = find_class("fuse", name)().fit(given, None)
        broken = np.full((40, 6), np.inf, np.float32)
        with pytest.raises(FitError, match="features are not finite: received 'text'"):
            part.fuse(given | {"text": Embeddings(broken, given["text"].present)})
        with pytest.raises(FitError, match="text has another width than at fit: received 2"):
            part.fuse(given | {"text": Embeddings(broken[:, :2], given["text"].present)})

    def test_order_of_views_and_the_fused_view_do_not_matter(self, name: str) -> None:
        given = views()
        turned = dict(reversed(given.items())) | {FUSED: given["text"]}
        one = find_class("fuse", name)().fit(given, None).fuse(given)
        two = find_class("fuse", name)().fit(turned, None).fuse(turned)
        assert np.array_equal(one.vectors, two.vectors)

    def test_a_view_not_given_counts_as_absent(self, name: str) -> None:
        given = views()
        part = find_class("fuse", name)().fit(given, None)
        gone = Embeddings(np.zeros((40, 6), np.float32), np.zeros(40, bool))
        left = {n: v for n, v in given.items() if n != "image"}
        assert np.array_equal(part.fuse(left).vectors, part.fuse(given | {"image": gone}).vectors)

    def test_permuted_items_come_out_permuted_and_bundles_remember(self, name: str) -> None:
        given = views()
        part = find_class("fuse", name)().fit(given, None)
        order = np.random.default_rng(3).permutation(40)
        moved = part.fuse({n: v.take(order) for n, v in given.items()})
        assert np.allclose(moved.vectors, part.fuse(given).vectors[order], atol=1e-6)
        fresh = find_class("fuse", name)()
        part_state.load_learned(fresh, *part_state.dump_learned(part))
        assert np.array_equal(fresh.fuse(given).vectors, part.fuse(given).vectors)

    def test_weights_that_name_no_view_are_refused(self, name: str) -> None:
        if name not in GIVEN_WEIGHTS:
            pytest.skip("its weights are learned")
        odd = (0.0, -1.0, np.nan, np.inf)
        for weights in ({"smell": 1.0}, {}, *({"text": weight} for weight in odd)):
            with pytest.raises(FitError, match="weights don't fit the views"):
                find_class("fuse", name)(weights=weights).fit(views(), None)
