"""Lost modalities, on worlds where their value is known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.align.impute import Impute
from polyrec.errors import ConfigError
from polyrec.evaluate.protocols import bootstrap_interval, evaluate_top_k
from polyrec.evaluate.robustness import (
    KNOCKOUTS,
    RATES,
    EvalSetting,
    drop_modality,
    evaluate_knockout,
    evaluate_missing,
    knock_out_modality,
)
from polyrec.recommend.base import rank
from polyrec.types import FUSED, Embeddings, Interactions, Problem, Query

ITEMS, GROUPS = 120, 12


class Content:
    """Score an item by its dot products with the history's rows of one view."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def score(self, query: Query) -> np.ndarray:
        return (query.matrix(len(self.rows)) @ self.rows) @ self.rows.T

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Any:
        return rank(self.score, query, k, hide_seen=hide_seen)


def by(name: str) -> Any:
    return lambda views: Content(views[name].vectors)


def imputed(views: dict) -> Content:
    return by("text")(Impute(ridge=0.01).fit(views, None).align(views))


def views(lacking: int = 0) -> dict[str, Embeddings]:
    """Return text and audio that determine an item's group of ten, and a random image."""
    generator = np.random.default_rng(0)
    groups = np.eye(GROUPS)[np.arange(ITEMS) % GROUPS]
    rows = {
        "text": groups + 0.05 * generator.normal(size=(ITEMS, GROUPS)),
        "audio": groups @ generator.normal(size=(GROUPS, 16)),
        "image": generator.normal(size=(ITEMS, 5)),
    }
    mask = np.arange(ITEMS) >= lacking
    return {
        n: Embeddings(np.where(mask[:, None], r, 0).astype("f4"), mask) for n, r in rows.items()
    }


def setting(metrics: tuple[str, ...] = ("recall@10", "coverage@10")) -> EvalSetting:
    """Return 60 users of one group each: half of its items in train, the others in the target."""
    generator = np.random.default_rng(1)
    parts: list[list[tuple[int, int]]] = [[], []]
    for user in range(60):
        taken = generator.permutation(np.arange(user % GROUPS, ITEMS, GROUPS))
        parts[0] += [(user, int(item)) for item in taken[:5]]
        parts[1] += [(user, int(item)) for item in taken[5:]]
    train, target = (Interactions.of(*zip(*p, strict=True), shape=(60, ITEMS)) for p in parts)
    return EvalSetting(train, target, metrics)


def find(rows: list, **labels: object) -> dict:
    (result,) = [row for row in rows if labels.items() <= row.items()]
    return result


class TestDrop:
    @given(st.integers(0, 60), st.integers(0, 9), st.lists(st.floats(0, 1), min_size=2, max_size=4))
    def test_shares_are_kept_losses_nest_and_seeds_decide(
        self, count: int, seed: int, rates: list[float]
    ) -> None:
        popularity = np.random.default_rng(seed).integers(0, 9, count)
        originals = {"a": Embeddings(np.ones((count, 2), np.float32), np.ones(count, bool))}
        before = np.ones(count, bool)
        for rate in sorted(rates):
            settings = {"rate": rate, "popularity": popularity, "seed": seed}
            view = drop_modality(originals, "a", **settings)["a"]
            assert abs((~view.present).sum() - rate * count) < 1 + 5
            assert (view.present <= before).all()
            assert np.array_equal(
                drop_modality(originals, "a", **settings)["a"].present, view.present
            )
            before = view.present
        everything = drop_modality(originals, "a", rate=1, popularity=popularity, seed=seed)["a"]
        assert not everything.present.any()

    @pytest.mark.parametrize("rate", RATES)
    def test_each_fifth_by_popularity_loses_the_same_share(self, rate: float) -> None:
        popularity = np.random.default_rng(0).permutation(100)
        full = {"a": Embeddings(np.ones((100, 2), np.float32), np.ones(100, bool))}
        left = drop_modality(full, "a", rate=rate, popularity=popularity, seed=3)["a"].present
        lost = [(~left[popularity // 20 == fifth]).sum() for fifth in range(5)]
        assert lost == [round(20 * rate)] * 5

    def test_few_items_lose_their_share_as_a_whole(self) -> None:
        full = {"a": Embeddings(np.ones((5, 2), np.float32), np.ones(5, bool))}
        lost = [
            (
                ~drop_modality(full, "a", rate=rate, popularity=np.arange(5), seed=0)["a"].present
            ).sum()
            for rate in RATES
        ]
        assert lost == [0, 1, 2, 3, 4]

    def test_the_share_is_of_the_items_that_have_it_and_others_stay(self) -> None:
        full = views(lacking=20)
        problem = {3: Problem("damaged", "no end")}
        full["text"] = Embeddings(full["text"].vectors, full["text"].present, problem, "clip")
        left = drop_modality(
            full | {FUSED: full["text"]}, "text", rate=0.4, popularity=[1] * ITEMS, seed=0
        )
        assert left["text"].present.sum() == 60
        assert not left["text"].vectors[~left["text"].present].any()
        assert left["text"].problems == problem
        assert left["text"].space == "clip"
        assert left.keys() == full.keys()
        assert left["image"] is full["image"]
        assert full["text"].present.sum() == 100

    def test_what_does_not_fit_is_refused(self) -> None:
        for rate in (-0.1, 1.1, np.nan):
            with pytest.raises(ConfigError, match="rate is out of range"):
                drop_modality(views(), "text", rate=rate, popularity=[1] * ITEMS, seed=0)
        with pytest.raises(ConfigError, match="no such view: received 'texts'; did you mean"):
            drop_modality(views(), "texts", rate=0.2, popularity=[1] * ITEMS, seed=0)
        with pytest.raises(ConfigError, match="no such view: received 'fused'"):
            drop_modality({FUSED: views()["text"]}, FUSED, rate=0.2, popularity=[1] * ITEMS, seed=0)


class TestMissing:
    def test_losing_a_modality_lowers_recall_and_imputing_it_does_not(self) -> None:
        models = {"imputed": imputed, "plain": by("text")}
        rows = evaluate_missing(models, views(), setting(), modalities=["text"])
        assert len(rows) == len(RATES) * 2 * 2
        values = [
            find(rows, model="plain", rate=r, metric="recall@10", modality="text")["value"]
            for r in RATES
        ]
        assert all(np.diff(values) < 0)
        for rate in RATES[1:]:
            plain = find(rows, model="plain", rate=rate, metric="recall@10")
            ours = find(rows, model="imputed", rate=rate, metric="recall@10")
            assert plain["lost"] == round(ITEMS * rate)
            assert plain["change_low"] <= plain["change"] <= plain["change_high"] < 0
            assert 0 < plain["lead_low"] <= plain["lead"] <= plain["lead_high"]
            assert plain["lead"] == pytest.approx(ours["value"] - plain["value"])
            assert abs(ours["change"]) < 0.3 * abs(plain["change"])
            assert ours["lead"] == ours["lead_low"] == ours["lead_high"] == 0

    def test_differences_are_those_of_evaluate_top_k_user_by_user(self) -> None:
        shared = setting()
        rows = evaluate_missing(
            {"": by("text")}, views(), shared, modalities=["text"], rates=[0.4], seed=5
        )
        left = drop_modality(views(), "text", rate=0.4, popularity=shared.popularity, seed=5)
        before, after = (
            evaluate_top_k(by("text")(subset), shared.train, shared.target, shared.metrics)
            for subset in (views(), left)
        )
        row = find(rows, metric="recall@10")
        assert row["value"] == after.means["recall@10"]
        paired = after.values["recall@10"] - before.values["recall@10"]
        assert row["change"] == pytest.approx(paired.mean())
        assert (row["change_low"], row["change_high"]) == bootstrap_interval(paired)

    def test_metrics_over_all_lists_have_no_interval(self) -> None:
        rows = evaluate_missing(
            {"": by("text")}, views(), setting(), modalities=["text"], rates=[0.8]
        )
        row = find(rows, metric="coverage@10")
        assert row["change"] != 0
        assert row["change_low"] is row["change_high"] is row["lead_low"] is None

    def test_every_loss_is_fitted_anew_and_no_loss_only_once(self) -> None:
        observed: list[dict] = []

        def method(originals: dict) -> Content:
            observed.append({name: int(view.present.sum()) for name, view in originals.items()})
            return by("text")(originals)

        rows = evaluate_missing({"": method}, views() | {FUSED: views()["text"]}, setting())
        assert len(observed) == 1 + 3 * 4
        assert observed[0] == dict.fromkeys(("text", "audio", "image"), ITEMS)
        assert observed[1] == {"text": ITEMS, "audio": 96, "image": ITEMS}
        assert {row["modality"] for row in rows} == {"text", "audio", "image"}
        for row in rows:
            if row["rate"] == 0 or row["modality"] != "text":
                assert row["change"] == 0


class TestKnockOut:
    def test_noise_keeps_only_mean_and_variances(self) -> None:
        generator = np.random.default_rng(0)
        rows = (generator.normal(size=(4000, 3)) * [1, 5, 0] + [3, 0, 7]).astype(np.float32)
        mask = np.arange(4000) >= 100
        full = {"a": Embeddings(np.where(mask[:, None], rows, 0), mask)}
        replaced = knock_out_modality(full, "a", "noise", seed=0)["a"]
        assert np.array_equal(replaced.present, mask)
        assert not replaced.vectors[:100].any()
        assert np.allclose(replaced.vectors[mask].mean(axis=0), [3, 0, 7], atol=0.3)
        assert np.allclose(replaced.vectors[mask].std(axis=0), [1, 5, 0], rtol=0.05)
        assert abs(np.corrcoef(replaced.vectors[mask, 0], rows[mask, 0])[0, 1]) < 0.05
        assert replaced.vectors.dtype == np.float32

    @given(st.integers(0, 20), st.integers(0, 9))
    def test_shuffled_rows_are_the_same_rows_and_none_keeps_its_own(
        self, count: int, seed: int
    ) -> None:
        generator = np.random.default_rng(seed)
        mask = generator.random(count) < 0.7
        rows = np.where(mask, np.arange(1, count + 1), 0)[:, None].astype(np.float32)
        replaced = knock_out_modality({"a": Embeddings(rows, mask)}, "a", "shuffled", seed=seed)[
            "a"
        ]
        assert np.array_equal(np.sort(replaced.vectors, axis=0), np.sort(rows, axis=0))
        if mask.sum() > 1:
            assert (replaced.vectors != rows)[mask].all()
            assert np.array_equal(replaced.present, mask)

    def test_absent_leaves_no_row_and_inputs_stay(self) -> None:
        full = views(lacking=20)
        for how in KNOCKOUTS:
            left = knock_out_modality(full | {FUSED: full["text"]}, "text", how, seed=0)
            assert left.keys() == full.keys()
            assert left["text"].present.any() == (how != "absent")
            assert np.array_equal(full["text"].vectors, views(lacking=20)["text"].vectors)
            again = knock_out_modality(full, "text", how, seed=0)
            assert np.array_equal(again["text"].vectors, left["text"].vectors)
        none_present = {"a": Embeddings(np.ones((3, 2), np.float32), np.zeros(3, bool))}
        for how in KNOCKOUTS:
            assert not knock_out_modality(none_present, "a", how, seed=0)["a"].vectors.any()

    def test_an_unknown_knockout_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="unknown knockout: received 'nois'; did you mean"):
            knock_out_modality(views(), "text", "nois", seed=0)


def test_knocking_out_a_used_modality_lowers_ndcg_and_an_unused_one_never() -> None:
    rows = evaluate_knockout({"": by("text")}, views(), setting(("ndcg@10",)))
    assert len(rows) == 1 + 3 * 3
    full = find(rows, modality="")
    assert full["value"] > 0.9
    assert full["change"] == 0
    for how in KNOCKOUTS:
        details = find(rows, modality="text", how=how)
        assert details["change_high"] < -0.1
        idle = find(rows, modality="image", how=how)
        assert idle["change"] == idle["change_low"] == idle["change_high"] == 0
