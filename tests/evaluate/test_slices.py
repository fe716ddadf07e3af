import numpy as np
import pytest

from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.evaluate.slices import slice_evaluation
from polyrec.recommend.popular import Popular
from polyrec.types import Embeddings, Interactions


@pytest.fixture(scope="module")
def splits() -> tuple[Interactions, Interactions]:
    """Sixty users: twenty each took 1, 2 and 4 of six items; each has one relevant item more."""
    pairs = [(user, (user + step) % 6) for user in range(60) for step in range((1, 2, 4)[user % 3])]
    users, items = np.array(pairs).T
    relevant = np.where(np.arange(60) % 5 == 0, 6, (np.arange(60) + 5) % 6)  # nobody took item 6
    return Interactions.of(users, items, shape=(60, 7)), Interactions.of(
        np.arange(60), relevant, shape=(60, 7)
    )


def test_users_are_sliced_by_history_and_the_slices_add_up(splits: tuple) -> None:
    train, test = splits
    evaluation = evaluate_top_k(Popular().fit(train), train, test, ["recall@2", "coverage@2"])
    slices = [
        s for s in slice_evaluation(evaluation, train, test, {}, ["recall@2"]) if s.by == "history"
    ]
    assert [(entry.name, entry.users) for entry in slices] == [
        ("1 event", 20), ("2 events", 20), ("4 events", 20),
    ]  # fmt: skip
    mean = sum(entry.means["recall@2"] * entry.users for entry in slices) / 60
    assert mean == pytest.approx(evaluation.means["recall@2"])


def test_items_are_sliced_by_popularity_and_content(splits: tuple) -> None:
    train, test = splits
    evaluation = evaluate_top_k(Popular().fit(train), train, test, ["ndcg@2"])
    present = np.arange(7) < 3
    image = Embeddings(np.zeros((7, 1), np.float32), present)
    complete = Embeddings(np.zeros((7, 1), np.float32), np.ones(7, bool))
    views = {"image": image, "text": complete, "fused": image}
    slices = slice_evaluation(evaluation, train, test, views, ["ndcg@2"])
    groups = [entry for entry in slices if entry.by == "popularity"]
    relevant = test.items
    untouched = int((relevant == 6).sum())
    assert [entry.name.partition(" (")[0] for entry in groups][-1] == "no train event"
    assert groups[-1].users == untouched
    assert sum(entry.users for entry in groups) <= 60
    # the lists are popular's: of the items that nobody took it shows none
    assert groups[-1].means["ndcg@2"] == 0
    by_image = {entry.name: entry.users for entry in slices if entry.by == "image"}
    assert by_image == {
        "with image (3 items)": int(present[relevant].sum()),
        "without image (4 items)": int((~present)[relevant].sum()),
    }
    assert not [entry for entry in slices if entry.by in ("text", "fused")]


def test_a_mean_over_few_users_is_left_out() -> None:
    train = Interactions.of([0, 1, 2], [0, 1, 2], shape=(3, 4))
    test = Interactions.of([0, 1, 2], [1, 2, 3], shape=(3, 4))
    evaluation = evaluate_top_k(Popular().fit(train), train, test, ["ndcg@2"])
    assert slice_evaluation(evaluation, train, test, {}, ["ndcg@2"]) == []
