from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyrec.config import SplitConfig
from polyrec.data import splits
from polyrec.errors import FitError
from polyrec.evaluate.grid_search import grid_search
from polyrec.evaluate.next_item import Criterion
from polyrec.evaluate.protocols import bootstrap_interval, evaluate_top_k, protocol_metrics
from polyrec.recommend.base import rank
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions, Query


@dataclass
class Fixed:
    """Score item i by table[i] + shift, for everyone."""

    table: tuple[float, ...] = (5, 4, 3, 2, 1, 0)
    shift: float = 0.0
    calls: list = field(default_factory=list, init=False)

    def fit(self, *_: object, **__: object) -> "Fixed":
        return self

    def score(self, query: Query) -> np.ndarray:
        self.calls += query.users.tolist()
        return np.tile(np.float32(self.table) + np.float32(self.shift), (len(query), 1))

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Any:
        return rank(self.score, query, k, hide_seen=hide_seen)

    def search_space(self, *_: object) -> list:
        return [
            {"shift": (0.0, 1.0)},
            {"table": ((5, 4, 3, 2, 1, 0), (0, 1, 2, 3, 4, 5), (0, 0, 9, 9, 0, 0))},
        ]

    def ranges(self, *_: object) -> dict:
        return {}


TRAIN = Interactions.of([0, 1, 3], [0, 1, 2], shape=(5, 6))
TARGET = Interactions.of(
    [0, 0, 1, 2, 3, 4], [1, 5, 0, 0, 3, 4], shape=(5, 6), weights=[1, 1, 1, 1, 0, 1]
)


def test_evaluated_users_have_train_events_and_relevant_items() -> None:
    result = evaluate_top_k(Fixed(), TRAIN, TARGET, ["recall@2"])
    # 2 and 4 have no train events, the target event of 3 is no positive
    assert result.users.tolist() == [0, 1]
    assert result.ranking.items.tolist() == [[1, 2], [0, 2]]
    assert result.hits.tolist() == [[True, False], [True, False]]
    assert result.values["recall@2"].tolist() == [0.5, 1.0]
    assert result.means["recall@2"] == 0.75


def test_only_train_is_hidden_for_valid_and_for_test() -> None:
    seen_in_valid = Interactions.of([0], [1], shape=(5, 6))
    assert evaluate_top_k(Fixed(), TRAIN, seen_in_valid, ["hit_rate@1"]).means["hit_rate@1"] == 1
    assert evaluate_top_k(Fixed(), TRAIN, TARGET, ["hit_rate@1"]).means["hit_rate@1"] == 1


def test_seen_but_unrated_items_are_hidden_too() -> None:
    weak = Interactions.of([0, 0], [0, 1], shape=(5, 6), weights=[1, 0])
    target = Interactions.of([0], [2], shape=(5, 6))
    assert evaluate_top_k(Fixed(), weak, target, ["mrr@3"]).means["mrr@3"] == 1


def test_cut_offs_take_the_head_of_one_list() -> None:
    result = evaluate_top_k(
        Fixed(), TRAIN, TARGET, ["recall@1", "recall@20", "coverage@20", "coverage@1"]
    )
    assert result.ranking.items.shape == (2, 20)
    assert result.values["recall@20"].tolist() == [1, 1]
    assert result.means["coverage@1"] == pytest.approx(2 / 6)
    assert result.means["coverage@20"] == 1


def test_groups_keep_the_lists_and_count_their_own_relevant_items() -> None:
    # items 3, 4 and 5 have no train event: cold
    target = Interactions.of([0, 0, 0, 1, 3], [1, 3, 4, 0, 5], shape=(5, 6))
    names = ["recall@3", "recall@3:warm", "recall@3:cold", "ndcg@3:cold"]
    result = evaluate_top_k(Fixed(), TRAIN, target, names)
    assert result.ranking.items.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3]]
    assert result.values["recall@3"].tolist() == pytest.approx([2 / 3, 1, 0])
    assert result.values["recall@3:warm"][:2].tolist() == [1, 1]
    assert np.isnan(result.values["recall@3:warm"][2])
    assert result.values["recall@3:cold"][[0, 2]].tolist() == [0.5, 0]
    assert np.isnan(result.values["recall@3:cold"][1])
    assert result.means["recall@3:cold"] == 0.25
    # one of two cold items at rank 3
    ideal = 1 + 1 / np.log2(3)
    assert result.values["ndcg@3:cold"][0] == pytest.approx(0.5 / ideal)


def test_new_items_reports_warm_and_cold_items() -> None:
    names = ["ndcg@5", "coverage@5", "diversity@5"]
    assert protocol_metrics("compat", names) == tuple(names)
    columns = ("ndcg@5", "ndcg@5:warm", "ndcg@5:cold", "coverage@5", "diversity@5")
    assert protocol_metrics("new_items", names) == columns


def test_users_without_train_events_are_counted_and_not_evaluated() -> None:
    assert evaluate_top_k(Fixed(), TRAIN, TARGET, ["recall@2"]).without_train == 2


def test_equal_scores_go_by_item_number() -> None:
    result = evaluate_top_k(Fixed(table=(1,) * 6), TRAIN, TARGET, ["recall@3"])
    assert result.ranking.items.tolist() == [[1, 2, 3], [0, 2, 3]]


def test_a_single_user_and_an_item_nobody_touched() -> None:
    train = Interactions.of([0], [0], shape=(1, 3))
    result = evaluate_top_k(Fixed(table=(3, 2, 1)), train, Interactions.of([0], [2], shape=(1, 3)),
                   ["mrr@3", "gini@3", "novelty@3"])  # fmt: skip
    assert result.means["mrr@3"] == 0.5
    assert np.isfinite(list(result.means.values())).all()
    assert bootstrap_interval(result.values["mrr@3"]) == (0.5, 0.5)


def test_users_with_one_interaction_stay_in_train_and_are_not_evaluated() -> None:
    users = [0, 1, *[2] * 12]
    events = Interactions.of(users, [0, 1, *range(12)], shape=(3, 12), times=range(14))
    for use in ("user_time", "leave_one_out", "random"):
        codes = splits.split_events(SplitConfig(use=use), events, None, seed=0)
        train, test = (events.take(codes == code) for code in (splits.TRAIN, splits.TEST))
        assert {0, 1} <= set(train.users)
        model = Popular().fit(train, {})
        assert evaluate_top_k(model, train, test, ["recall@5"]).users.tolist() == [2]


def test_a_metric_without_value_on_valid_is_refused() -> None:
    target = Interactions.of([0], [1], shape=(5, 6))
    with pytest.raises(
        FitError, match="a metric that has no value on valid: received 'ndcg@2:cold'"
    ):
        grid_search(
            lambda s: Fixed(**s), (TRAIN, target), {}, by=Criterion("ndcg@2:cold"), fixed={}
        )


def test_a_target_without_evaluable_users_is_refused() -> None:
    with pytest.raises(FitError, match="no user to evaluate"):
        evaluate_top_k(Fixed(), TRAIN, Interactions.of([2], [0], shape=(5, 6)), ["recall@2"])


def test_values_per_user_are_saved(tmp_path: Path) -> None:
    result = evaluate_top_k(Fixed(), TRAIN, TARGET, ["recall@2", "gini@2"])
    result.save_per_user(tmp_path / "v.npz")
    stored = np.load(tmp_path / "v.npz")
    assert stored["users"].tolist() == [0, 1]
    assert stored["recall_at_2"].tolist() == [0.5, 1.0]
    assert set(stored.files) == {"users", "recall_at_2"}


def test_the_interval_covers_the_mean_95_times_in_100() -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for trial in range(60):
        low, high = bootstrap_interval(generator.random(200), seed=trial, resamples=300)
        inside += low < 0.5 < high
    assert 50 <= inside <= 60


def test_settings_are_chosen_stage_by_stage_and_the_first_of_equals_wins() -> None:
    def choose(**fixed: object) -> list:
        return grid_search(
            lambda s: Fixed(**s), (TRAIN, TARGET), {}, by=Criterion("ndcg@2"), fixed=fixed
        )

    trials = choose()
    assert trials[0].settings == {"shift": 0.0}
    assert trials[0].score == max(trial.score for trial in trials)
    assert len(trials) == 5
    fixed = choose(table=(0, 1, 2, 3, 4, 5))
    assert [trial.settings for trial in fixed] == [{"shift": 0.0}, {"shift": 1.0}]


def test_grid_search_ranks_users_of_train_and_valid_alone() -> None:
    calls = []

    def build(settings: dict) -> Fixed:
        model = Fixed(**settings)
        calls.append(model.calls)
        return model

    grid_search(build, (TRAIN, TARGET), {}, by=Criterion("recall@1"), fixed={})
    assert {user for users in calls for user in users} == {0, 1}
