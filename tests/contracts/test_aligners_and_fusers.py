"""What every registered aligner and fuser promises."""

import numpy as np
import pytest

from polyrec.config import make
from polyrec.errors import FitError
from polyrec.registry import find, names
from polyrec.store import state
from polyrec.types import FUSED, Aligner, Embeddings, Fuser

ALIGNERS, FUSERS = sorted(names("align")), sorted(names("fuse"))


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


def with_junk(given: dict[str, Embeddings]) -> dict[str, Embeddings]:
    return {
        name: Embeddings(np.where(v.present[:, None], v.vectors, np.float32(np.nan)), v.present)
        for name, v in given.items()
    }


def equal(one: dict[str, Embeddings], two: dict[str, Embeddings]) -> bool:
    return one.keys() == two.keys() and all(
        np.array_equal(one[n].vectors, two[n].vectors)
        and np.array_equal(one[n].present, two[n].present)
        for n in one
    )


@pytest.mark.parametrize("name", ALIGNERS)
class TestAligner:
    def test_it_is_one_and_its_settings_make_it_again(self, name: str) -> None:
        part = find("align", name)()
        assert isinstance(part, Aligner)
        assert make(type(part), state.settings(part), where="align") == part

    def test_absent_stays_absent_and_its_content_changes_no_bit(self, name: str) -> None:
        given = views()
        aligned = find("align", name)().fit(given, None).align(given)
        for view, rows in aligned.items():
            assert np.array_equal(rows.present, given[view].present)
            assert not rows.vectors[~rows.present].any()
            assert rows.vectors.dtype == np.float32
        if name != "none":
            junk = with_junk(given)
            assert equal(find("align", name)().fit(junk, None).align(junk), aligned)

    def test_fitting_again_forgets_and_bundles_remember(self, name: str) -> None:
        given, part = views(), find("align", name)()
        once = part.fit(given, None).align(given)
        assert equal(part.fit(views(5, 9), None).fit(given, None).align(given), once)
        fresh = find("align", name)()
        state.restore(fresh, *state.dump(part))
        assert equal(fresh.align(given), once)

    def test_permuted_items_come_out_permuted(self, name: str) -> None:
        given = views()
        order = np.random.default_rng(3).permutation(40)
        part = find("align", name)().fit(given, None)
        moved = part.align({n: v.take(order) for n, v in given.items()})
        for view, rows in part.align(given).items():
            assert np.allclose(moved[view].vectors, rows.vectors[order], atol=1e-6)

    def test_some_views_and_new_items_are_aligned_the_same_way(self, name: str) -> None:
        given = views()
        part = find("align", name)().fit(given, None)
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
        aligned = find("align", name)().fit(given, None).align(given)
        assert all(np.isfinite(rows.vectors).all() for rows in aligned.values())
        assert aligned.keys() == given.keys()


@pytest.mark.parametrize("name", [n for n in ALIGNERS if n != "none"])
def test_an_aligner_refuses_what_it_can_not_learn_from(name: str) -> None:
    given = views()
    broken = given["text"].vectors.copy()
    broken[given["text"].present.argmax()] = np.nan
    with pytest.raises(FitError, match="features are not finite: received 'text'"):
        find("align", name)().fit(given | {"text": Embeddings(broken, given["text"].present)}, None)
    part = find("align", name)().fit({"text": given["text"]}, None)
    with pytest.raises(FitError, match="a view unknown at fit: received 'image'"):
        part.align({"image": given["image"]})


@pytest.mark.parametrize("name", FUSERS)
class TestFuser:
    def test_it_is_one_and_its_settings_make_it_again(self, name: str) -> None:
        part = find("fuse", name)()
        assert isinstance(part, Fuser)
        assert make(type(part), state.settings(part), where="fuse") == part

    def test_an_item_is_there_where_any_view_is(self, name: str) -> None:
        given = views()
        fused = find("fuse", name)().fit(given, None).fuse(given)
        anywhere = np.logical_or.reduce([v.present for v in given.values()])
        assert np.array_equal(fused.present, anywhere)
        assert not fused.vectors[~anywhere].any()
        assert np.isfinite(fused.vectors).all()
        assert fused.vectors.dtype == np.float32

    def test_an_absent_modality_changes_no_bit(self, name: str) -> None:
        given = views()
        part = find("fuse", name)().fit(given, None)
        assert np.array_equal(part.fuse(given).vectors, part.fuse(with_junk(given)).vectors)

    def test_order_of_views_and_the_fused_view_do_not_matter(self, name: str) -> None:
        given = views()
        turned = dict(reversed(given.items())) | {FUSED: given["text"]}
        one = find("fuse", name)().fit(given, None).fuse(given)
        two = find("fuse", name)().fit(turned, None).fuse(turned)
        assert np.array_equal(one.vectors, two.vectors)

    def test_a_view_not_given_counts_as_absent(self, name: str) -> None:
        given = views()
        part = find("fuse", name)().fit(given, None)
        gone = Embeddings(np.zeros((40, 6), np.float32), np.zeros(40, bool))
        left = {n: v for n, v in given.items() if n != "image"}
        assert np.array_equal(part.fuse(left).vectors, part.fuse(given | {"image": gone}).vectors)

    def test_permuted_items_come_out_permuted_and_bundles_remember(self, name: str) -> None:
        given = views()
        part = find("fuse", name)().fit(given, None)
        order = np.random.default_rng(3).permutation(40)
        moved = part.fuse({n: v.take(order) for n, v in given.items()})
        assert np.allclose(moved.vectors, part.fuse(given).vectors[order], atol=1e-6)
        fresh = find("fuse", name)()
        state.restore(fresh, *state.dump(part))
        assert np.array_equal(fresh.fuse(given).vectors, part.fuse(given).vectors)

    def test_weights_that_name_no_view_are_refused(self, name: str) -> None:
        for weights in ({"smell": 1.0}, {"text": -1.0}):
            with pytest.raises(FitError, match="weights don't fit the views"):
                find("fuse", name)(weights=weights).fit(views(), None)
