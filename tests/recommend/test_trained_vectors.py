"""Trained vectors: histories move them, losses equal what they stand for, content stands in."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch
from scipy import sparse

from polyrec.errors import FitError
from polyrec.recommend.factors.bpr import BPR
from polyrec.recommend.factors.elsa import ELSA, LowRankAutoencoder
from polyrec.recommend.factors.mlp import MLP, NeuMFHead
from polyrec.recommend.factors.vbpr import VBPR
from polyrec.recommend.negative_sampling import Pairs
from polyrec.recommend.sequence.sasrec import SASRec
from polyrec.recommend.sequence.transformer import (
    SequenceTransformer,
    batches_by_length,
    latest_items,
    liked_only,
    next_item_loss,
    shuffle_histories,
)
from polyrec.types import Embeddings, Interactions, Query

QUICK = {"dim": 8, "epochs": 60, "rate": 2e-2}


def test_drawn_items_are_none_that_the_user_took(checkerboard: Interactions) -> None:
    taken = checkerboard.matrix().toarray() > 0
    seen = 0
    for batch in Pairs(checkerboard).batches(np.random.default_rng(0), size=16, negatives=6):
        assert taken[batch.users, batch.items].all()
        false = taken[np.repeat(batch.users, 6), batch.others.ravel()]
        assert false.mean() < 0.1  # a draw is given up after a few tries
        seen += len(batch.users)
    assert seen == len(checkerboard)


@pytest.mark.parametrize("model", [BPR(**QUICK), MLP(**QUICK | {"epochs": 12})], ids=["bpr", "mlp"])
def test_a_trained_user_has_the_trained_vector_until_something_new_happens(
    model: BPR, checkerboard: Interactions
) -> None:
    model.fit(checkerboard, {})
    history = checkerboard.histories([0])
    trained = model.users(history)
    longer = Query(
        np.array([0]), np.array([0, 7]), np.r_[history.items, 1, 3], np.ones(7, np.float32)
    )
    unknown = Query.of([history.items.tolist()])
    assert not np.allclose(model.users(longer), trained, atol=1e-3)
    assert model.score(longer)[0, [5, 7, 9]].sum() > model.score(history)[0, [5, 7, 9]].sum()
    own = model.users(history) - model.users(unknown)
    assert np.allclose(own, model.own_[0], atol=1e-5)
    said = model.score(unknown)[0]
    assert said[0::2].min() > said[1::2].max()


def test_the_loss_of_elsa_is_that_of_the_table_it_never_makes() -> None:
    generator = np.random.default_rng(1)
    dense = np.where(generator.random((9, 14)) < 0.4, generator.uniform(0.5, 2, (9, 14)), 0)
    dense[:, :2] = 1
    histories = sparse.csr_array(dense.astype(np.float32))
    torch.manual_seed(0)
    network = LowRankAutoencoder(torch.ones(14, dtype=torch.bool), 5)
    rows = torch.nn.functional.normalize(network.table, dim=1)
    given = torch.from_numpy(histories.toarray())
    made = given @ (rows @ rows.T - torch.eye(14))
    unit = torch.nn.functional.normalize
    expected = ((unit(given, dim=1) - unit(made, dim=1)) ** 2).sum(dim=1).mean()
    assert network.loss(histories).item() == pytest.approx(expected.item(), rel=1e-4)
    (wanted,) = torch.autograd.grad(expected, network.table)
    (found,) = torch.autograd.grad(network.loss(histories), network.table)
    assert torch.allclose(found, wanted, atol=1e-4)


def test_an_item_says_nothing_of_itself_in_elsa(checkerboard: Interactions) -> None:
    model = ELSA(dim=8, epochs=5).fit(checkerboard, {})
    assert model.score(Query.of([[4]]))[0, 4] == pytest.approx(0, abs=1e-5)


def test_a_table_of_scores_equals_its_pairs() -> None:
    torch.manual_seed(0)
    joint = NeuMFHead(6)
    users, items, biases = torch.randn(5, 12), torch.randn(7, 12), torch.randn(7)
    pairs = joint(users[:, None], items[None]) + biases
    assert torch.allclose(joint.all_pairs(users, items, biases), pairs, atol=1e-5)


def test_new_items_follow_their_content(
    checkerboard: Interactions, parity_views: dict[str, Embeddings]
) -> None:
    fresh = {name: view.take([1, 0]) for name, view in parity_views.items()}
    for model in (VBPR(axes=8, hide=0.3, **QUICK), SASRec(layers=1, hide=0.3, **QUICK)):
        grown = model.fit(checkerboard, parity_views).add_items(fresh)
        scores = grown.score(Query.of([[1, 3, 5], [0, 2, 4]]))
        assert scores.shape == (2, 14)
        assert scores[0, 12] > scores[0, 13]
        assert scores[1, 13] > scores[1, 12]
        known = model.score(Query.of([[1, 3, 5], [0, 2, 4]]))
        assert np.allclose(scores[:, :12], known, atol=1e-5)
        lengths = np.linalg.norm(grown.vectors_, axis=1)
        assert lengths[12:] == pytest.approx(lengths[:12].mean(), rel=1e-4)


def test_what_comes_next_depends_on_the_order() -> None:
    # all go round a ring of ten, from anywhere, six steps: half of them this way, half that way
    users = np.repeat(np.arange(120), 6)
    items = (users + np.where(users < 60, 1, -1) * np.tile(np.arange(6), 120)) % 10
    train = Interactions.of(users, items, shape=(120, 10), times=np.arange(720))
    model = SASRec(dim=16, layers=1, epochs=40, rate=1e-2, dropout=0.1, batch=16).fit(train, {})
    assert model.recommend(Query.of([[2, 3, 4], [4, 3, 2]]), 1).items.tolist() == [[5], [1]]


def test_histories_are_cut_to_their_latest_likes() -> None:
    starts, items = np.array([0, 4, 4, 6]), np.array([1, 2, 3, 4, 5, 6])
    query = Query(np.full(3, -1), starts, items, np.float32([1, -1, 1, 1, 1, 0]))
    liked = liked_only(query)
    assert (liked.starts.tolist(), liked.items.tolist()) == ([0, 3, 3, 4], [1, 3, 4, 5])
    rows, lengths = latest_items(liked, 2)
    assert lengths.tolist() == [2, 0, 1]
    assert rows.tolist() == [[3, 4], [0, 0], [5, 0]]
    mixed = shuffle_histories(liked, np.random.default_rng(3))
    assert mixed.starts.tolist() == liked.starts.tolist()
    assert sorted(mixed.items[:3]) == [1, 3, 4]


def test_what_pads_a_history_and_what_lies_ahead_is_never_read() -> None:
    torch.manual_seed(0)
    reader = SequenceTransformer((6, 0), 8, layers=2, heads=2, longest=5, dropout=0.0).eval()
    vectors = torch.randn(6, 8)
    one, two = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2, 5]])
    states, others = reader(vectors, one), reader(vectors, two)
    assert torch.allclose(states[:, :3], others[:, :3], atol=1e-6)
    assert not torch.allclose(states[:, 3], others[:, 3], atol=1e-3)


def test_the_loss_asks_for_each_next_item_among_those_known() -> None:
    torch.manual_seed(0)
    reader = SequenceTransformer((6, 0), 8, layers=1, heads=1, longest=5, dropout=0.0).eval()
    vectors = torch.randn(6, 8)
    known = torch.tensor([True, True, False, True, True, True])
    rows = np.array([[1, 3, 4], [5, 0, 0]])
    found = next_item_loss(reader, vectors, known, (rows, np.array([3, 1])), 5)
    scores = reader(vectors, torch.from_numpy(rows)) @ vectors.T
    scores[..., 2] = -torch.inf
    told = scores.log_softmax(dim=-1)
    expected = -(told[0, 0, 1] + told[0, 1, 3] + told[0, 2, 4] + told[1, 0, 5]) / 4
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_items_that_are_drawn_stand_for_all_others() -> None:
    torch.manual_seed(0)
    reader = SequenceTransformer((8, 0), 8, layers=1, heads=1, longest=5, dropout=0.0).eval()
    vectors, known = torch.randn(8, 8) / 2, torch.arange(8) != 2
    asked = (np.array([[3]]), np.array([1]))
    whole = next_item_loss(reader, vectors, known, asked, 7).expm1()
    told = [next_item_loss(reader, vectors, known, asked, 3).expm1() for _ in range(1000)]
    mean = torch.stack(told).mean()
    assert mean.item() == pytest.approx(whole.item(), rel=0.05)
    assert len({round(value.item(), 4) for value in told}) > 10


def test_where_one_item_is_known_there_is_nothing_to_learn() -> None:
    reader = SequenceTransformer((3, 0), 8, layers=1, heads=1, longest=5, dropout=0.0).eval()
    known = torch.tensor([False, True, False])
    rows = (np.array([[1, 1]]), np.array([2]))
    loss = next_item_loss(reader, reader.items(torch.zeros(3, 0), known), known, rows, 4)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(reader.own.grad).all()


def test_sasrec_refuses_settings_that_fit_nothing(checkerboard: Interactions) -> None:
    for wrong in ({"candidates": 0}, {"dim": 9, "heads": 2}):
        with pytest.raises(FitError, match=r"candidates|heads"):
            SASRec(**wrong).fit(checkerboard, {})


def test_histories_of_one_length_share_a_batch() -> None:
    lengths = np.tile([0, 1, 5, 40], 100)
    batches = batches_by_length(lengths, 10, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == np.flatnonzero(lengths).tolist()
    assert sum(len(set(lengths[rows])) > 1 for rows in batches) <= 2  # where two lengths meet
    first = [lengths[rows[0]] for rows in batches]
    assert first != sorted(first)
    again = batches_by_length(lengths, 10, np.random.default_rng(2))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(again))
