"""Files for other tools say what was evaluated: figures come out of them again."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from polyrec.errors import ConfigError, DataError
from polyrec.evaluate.export import trec_word, write_qrels, write_rankings
from polyrec.evaluate.protocols import Evaluation, evaluate_top_k
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions

USERS = [f"user {i}" for i in range(20)]
ITEMS = [f"item%\t{i}" for i in range(12)]


@pytest.fixture
def evaluated(checkerboard: Interactions) -> tuple[Evaluation, Interactions]:
    generator = np.random.default_rng(0)
    free = [(u, i) for u in range(20) for i in range(12)
            if not ((checkerboard.users == u) & (checkerboard.items == i)).any()]  # fmt: skip
    sampled = [free[row] for row in generator.permutation(len(free))[:50]]
    target = Interactions.of(*zip(*sampled, strict=True), shape=(20, 12))
    model = EASE(l2=1).fit(checkerboard, {})
    return evaluate_top_k(model, checkerboard, target, ["ndcg@5", "recall@5"]), target


def trec_eval(run: Path, qrels: Path, k: int) -> tuple[float, float]:
    """Return mean ndcg and recall as trec_eval counts: by falling score, ties by falling id."""
    relevant, lists = defaultdict(set), defaultdict(list)
    for line in qrels.read_text().splitlines():
        user, _, item, _ = line.split(" ")
        relevant[user].add(item)
    for line in run.read_text().splitlines():
        user, _, item, _, score, _ = line.split(" ")
        lists[user].append((np.float32(score), item))
    ndcg, recall = [], []
    for user, wanted in relevant.items():
        hits = [item in wanted for _, item in sorted(lists[user], reverse=True)[:k]]
        ideal = sum(1 / math.log2(r + 2) for r in range(min(k, len(wanted))))
        ndcg.append(sum(h / math.log2(r + 2) for r, h in enumerate(hits)) / ideal)
        recall.append(sum(hits) / len(wanted))
    return float(np.mean(ndcg)), float(np.mean(recall))


def test_trec_files_give_the_same_figures(
    evaluated: tuple[Evaluation, Interactions], tmp_path: Path
) -> None:
    result, target = evaluated
    write_rankings(result, tmp_path / "a.run", users=USERS, items=ITEMS, tag="my ease")
    write_qrels(result, target, tmp_path / "a.qrels", users=USERS, items=ITEMS)
    ndcg, recall = trec_eval(tmp_path / "a.run", tmp_path / "a.qrels", 5)
    assert ndcg == pytest.approx(result.means["ndcg@5"])
    assert recall == pytest.approx(result.means["recall@5"])


def test_equal_scores_keep_their_order_in_a_run(checkerboard: Interactions, tmp_path: Path) -> None:
    target = Interactions.of([0, 1], [1, 0], shape=(20, 12))
    result = evaluate_top_k(Popular().fit(checkerboard, {}), checkerboard, target, ["ndcg@5"])
    assert (np.diff(result.ranking.scores[0]) == 0).any()
    write_rankings(result, tmp_path / "a.run", users=USERS, items=ITEMS, tag="x")
    write_qrels(result, target, tmp_path / "a.qrels", users=USERS, items=ITEMS)
    ndcg, _ = trec_eval(tmp_path / "a.run", tmp_path / "a.qrels", 5)
    assert ndcg == pytest.approx(result.means["ndcg@5"])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_tables_hold_user_item_score_and_rank(
    evaluated: tuple[Evaluation, Interactions], tmp_path: Path, suffix: str
) -> None:
    result, _ = evaluated
    path = tmp_path / f"lists{suffix}"
    write_rankings(result, path, users=USERS, items=ITEMS, tag="x")
    table = pl.read_parquet(path) if suffix == ".parquet" else pl.read_csv(path)
    assert table.columns == ["user", "item", "score", "rank"]
    first = table.filter(pl.col("user") == USERS[result.users[0]])
    assert first["item"].to_list() == [ITEMS[i] for i in result.ranking.items[0]]
    assert first["rank"].to_list() == [1, 2, 3, 4, 5]
    assert first["score"].to_list() == pytest.approx(result.ranking.scores[0].tolist())


def test_pads_are_not_written(checkerboard: Interactions, tmp_path: Path) -> None:
    target = Interactions.of([0], [1], shape=(20, 12))
    result = evaluate_top_k(Popular().fit(checkerboard, {}), checkerboard, target, ["ndcg@50"])
    write_rankings(result, tmp_path / "a.run", users=USERS, items=ITEMS, tag="x")
    assert len((tmp_path / "a.run").read_text().splitlines()) == 12 - 5


def test_ids_are_one_word_and_stay_apart() -> None:
    names = ["a b", "a%20b", "a\tb", "a\u2003b", "a\nb", "ab", "a%b"]
    words = [trec_word(name) for name in names]
    assert all(len(result.split()) == 1 for result in words)
    assert len(set(words)) == len(names)
    with pytest.raises(DataError, match="an id is empty"):
        trec_word("")


def test_qrels_are_no_table(evaluated: tuple[Evaluation, Interactions], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="qrels are plain text"):
        write_qrels(evaluated[0], evaluated[1], tmp_path / "a.csv", users=USERS, items=ITEMS)
