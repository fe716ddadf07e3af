"""The protocol next_item, on histories that can be followed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from polyrec import datasets
from polyrec.config import SplitConfig
from polyrec.config.loader import parse_config
from polyrec.data import splits
from polyrec.errors import ConfigError, DataError, FitError
from polyrec.evaluate.leakage_checks import check_fitted_parts, check_split
from polyrec.evaluate.next_item import (
    Criterion,
    evaluate_next_item,
    evaluate_split,
    mean_ranks,
    next_item_queries,
)
from polyrec.pipeline.evaluation import evaluate_bundle, evaluate_robustness
from polyrec.pipeline.run import run
from polyrec.recommend import ItemKNN, Popular, SASRec
from polyrec.types import Interactions, Query

METRICS = ("hit_rate@1", "hit_rate@2", "ndcg@2", "mrr@3", "recall@3", "precision@2")


@dataclass
class Successors:
    """Score 2 for the item after the last of the history, 1 for the last, 0 for the others."""

    items: int = 5

    def score(self, query: Query) -> np.ndarray:
        scores = np.zeros((len(query), self.items), np.float32)
        for row, (start, stop) in enumerate(zip(query.starts[:-1], query.starts[1:], strict=True)):
            if stop > start:
                last = query.items[stop - 1]
                scores[row, [last, (last + 1) % self.items]] = 1, 2
        return scores


def events(rows: Sequence[tuple[int, int, int]], weights: Sequence[float] | None = None):
    users, items, times = zip(*rows, strict=True)
    return Interactions.of(users, items, times=times, shape=(3, 5), weights=weights)


BEHAVIOUR = {  # of user 0: 0 1 | 2 2 | 4 0; of user 1: 3 | | 4 4 (disliked) 4
    "train": events([(0, 1, 1), (0, 0, 0), (1, 3, 0)]),
    "valid": events([(0, 2, 2), (0, 2, 3)]),
    "test": events([(1, 4, 1), (0, 4, 4), (0, 0, 5), (1, 4, 2), (1, 4, 3)], [1, 1, 1, -1, 1]),
}


def test_each_target_has_the_events_before_it_in_order_with_repeats() -> None:
    past = [BEHAVIOUR["train"], BEHAVIOUR["valid"]]
    query, targets = next_item_queries(past, BEHAVIOUR["test"])
    assert query.users.tolist() == [0, 0, 1, 1]
    assert targets.tolist() == [4, 0, 4, 4]
    histories = np.split(query.items, query.starts[1:-1])
    assert [h.tolist() for h in histories] == [[0, 1, 2, 2], [0, 1, 2, 2, 4], [3], [3, 4, 4]]
    assert query.weights[-2:].tolist() == [1, -1]  # a dislike is read, but is no target


def test_values_by_hand() -> None:
    result = evaluate_split(Successors(), BEHAVIOUR, "test", METRICS, protocol="next_item")
    # after 2: 3 first, 2 second, then 4 is one of 0 1 4: mean rank 4. After 4: 0 first. After 3: 4
    # first. After 4 again: 0 first, 4 second, which is not hidden
    ranks = np.array([4, 1, 1, 2])
    assert result.values["hit_rate@1"].tolist() == [0, 1, 1, 0]
    assert result.values["ndcg@2"].tolist() == pytest.approx([0, 1, 1, 1 / np.log2(3)])
    assert result.values["mrr@3"].tolist() == [0, 1, 1, 0.5]
    assert result.values["precision@2"].tolist() == [0, 0.5, 0.5, 0.5]
    assert result.means["recall@3"] == result.means["hit_rate@2"] == (ranks <= 2).mean()
    assert result.targets is not None
    assert result.targets.tolist() == [4, 0, 4, 4]


def test_valid_reads_train_alone() -> None:
    valid = evaluate_split(Successors(), BEHAVIOUR, "valid", ["mrr@3"], protocol="next_item")
    assert valid.values["mrr@3"].tolist() == [1, 0.5]  # after 1, and after 2
    splits_of_two = (BEHAVIOUR["train"], BEHAVIOUR["valid"])
    assert Criterion("mrr@3", "next_item").score(Successors(), splits_of_two, {}) == 0.75


def test_warm_and_cold_targets_share_the_lists() -> None:
    names = ["hit_rate@1", "hit_rate@1:warm", "hit_rate@1:cold", "coverage@1"]
    result = evaluate_split(Successors(), BEHAVIOUR, "test", names, protocol="next_item")
    assert result.means["hit_rate@1:cold"] == pytest.approx(1 / 3)  # 4 has no train event
    assert result.means["hit_rate@1:warm"] == 1
    assert result.means["coverage@1"] == pytest.approx(3 / 5)


def test_ties_have_the_mean_of_all_orders() -> None:
    scores = np.float32([[1, 1, 1, 1], [0, 2, 2, -np.inf], [-np.inf] * 4])
    assert mean_ranks(scores, np.array([3, 0, 1])).tolist() == [2.5, 3, 2.5]
    constant = Popular().fit(Interactions.of([], [], shape=(1, 4)))
    one = Interactions.of([0], [2], times=[1], shape=(1, 4))
    result = evaluate_next_item(constant, one, one, ["hit_rate@2", "hit_rate@3"])
    assert result.means == {"hit_rate@2": 0, "hit_rate@3": 1}


def test_without_a_liked_target_is_an_error() -> None:
    with pytest.raises(FitError, match="no event to evaluate"):
        evaluate_next_item(Successors(), BEHAVIOUR["train"], events([(0, 1, 9)], [-1]), METRICS)


class TestSplits:
    config = parse_config(
        {"data": {"path": "x"}, "evaluate": {"protocol": "next_item"}}, folder=Path()
    )

    def test_buying_again_is_no_leak(self) -> None:
        repeated = {**BEHAVIOUR, "test": events([(0, 2, 9)])}
        check_split(repeated, self.config)
        with pytest.raises(DataError, match="in both valid and test"):
            check_split(repeated, parse_config({"data": {"path": "x"}}, folder=Path()))

    def test_an_event_before_those_of_an_earlier_split_is_one(self) -> None:
        with pytest.raises(DataError, match="test has events older"):
            check_split({**BEHAVIOUR, "test": events([(0, 3, 1)])}, self.config)
        check_split({**BEHAVIOUR, "test": events([(1, 3, 0)])}, self.config)

    def test_events_need_an_order(self) -> None:
        with pytest.raises(DataError, match=r"events without a time.*set data\.columns\.time"):
            check_split({**BEHAVIOUR, "test": events([(0, 3, -1)])}, self.config)

    def test_pairs_that_are_in_train_may_be_learned(self) -> None:
        part = Popular()
        part.matrix_ = BEHAVIOUR["train"].matrix()  # type: ignore[attr-defined]
        test = events([(0, 0, 9)])
        check_fitted_parts([part], {**BEHAVIOUR, "test": test})
        part.matrix_ = events([(2, 1, 0)]).matrix()  # type: ignore[attr-defined]
        with pytest.raises(FitError, match="has learned test events"):
            check_fitted_parts([part], {**BEHAVIOUR, "test": events([(2, 1, 9)])})

    def test_two_points_in_time_keep_repeats(self) -> None:
        log = Interactions.of([0] * 11, [1] * 11, times=[-1, *range(10)], shape=(1, 2))
        codes = splits.split_events(SplitConfig(use="next_item"), log, None, seed=0)
        assert codes.tolist() == [-1, *[0] * 8, 1, 2]

    def test_the_protocol_keeps_all_events(self) -> None:
        assert self.config.data.repeats == "all"
        assert self.config.data.split.use == "next_item"
        tree = {"data": {"path": "x", "split": {"use": "random"}}}
        with pytest.raises(ConfigError, match=r"evaluate\.protocol and data\.split differ"):
            parse_config({**tree, "evaluate": {"protocol": "next_item"}}, folder=Path())


def test_from_config_to_report(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    starts = generator.integers(12, size=40)
    rows = [
        f"u{user},i{(start + step) % 12},{100 * step + user}"  # everyone goes round the circle
        for user, start in enumerate(starts)
        for step in range(6)
    ]
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows))
    tree = {
        "data": {"path": str(tmp_path)},
        "recommend": {"use": "item_knn"},
        "evaluate": {
            "protocol": "next_item", "metrics": ["hit_rate@2", "mrr@5"], "select_by": "mrr@5",
        },
    }  # fmt: skip
    bundle = run(tree, out=tmp_path / "bundle")
    evaluations = evaluate_bundle(bundle, ["hit_rate@2"])
    assert len(evaluations["test"].users) == len(bundle.behaviour["test"])
    report = (tmp_path / "bundle" / "report.json").read_text()
    assert f'"queries": {len(bundle.behaviour["test"])}' in report
    with pytest.raises(ConfigError, match="knockout ranks a list per user"):
        evaluate_robustness(bundle, "knockout", ["hit_rate@2"])


def test_a_transformer_learns_to_take_again() -> None:
    users = np.repeat(np.arange(60), 6)
    first = np.arange(60) % 4
    items = (first[:, None] + np.array([0, 0, 1, 1, 2, 2])).ravel()  # each item twice in a row
    log = Interactions.of(users, items, times=np.tile(np.arange(6), 60), shape=(60, 6))
    train, target = (
        log.take(np.tile(np.arange(6) < 5, 60)),
        log.take(np.tile(np.arange(6) == 5, 60)),
    )
    model = SASRec(**SASRec.small, repeats=True).fit(train)
    assert evaluate_next_item(model, train, target, ["hit_rate@1"]).means["hit_rate@1"] > 0.9


@pytest.mark.shared_data
def test_popularity_on_office_products(shared_data: Path) -> None:
    data = datasets.load_amazon_office(shared_data)
    sizes = [len(part) for part in data.behaviour.values()]
    assert (sizes, data.train.shape) == ([12715, 4866, 4866], (3231, 3459))
    model = Popular(count="users").fit(data.train)
    names = ["hit_rate@5", "ndcg@5", "hit_rate@10", "ndcg@10"]
    means = evaluate_split(model, data.behaviour, "test", names, protocol="next_item").means
    assert [round(value, 4) for value in means.values()] == [0.0259, 0.0149, 0.0438, 0.0205]
    content = ItemKNN().fit(data.train)
    means = evaluate_split(content, data.behaviour, "test", names, protocol="next_item").means
    assert means["ndcg@10"] > 0.06
