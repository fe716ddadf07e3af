"""The closed forms equal their formulas, written plainly."""

import numpy as np
import pytest

from polyrec.errors import FitError
from polyrec.recommend.linear import gram as closed_form
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.item_knn import ItemKNN
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.recommend.linear.rp3beta import RP3Beta
from polyrec.recommend.popular import Popular
from polyrec.types import Embeddings, Interactions, Query


@pytest.fixture
def train() -> Interactions:
    generator = np.random.default_rng(3)
    pairs = np.unique(generator.integers(0, [60, 15], (400, 2)), axis=0)
    return Interactions.of(pairs[:, 0], pairs[:, 1], shape=(60, 16))  # item 15 is cold


def dense(model: object) -> np.ndarray:
    weights = model.weights_
    return weights if isinstance(weights, np.ndarray) else weights.toarray()


def test_item_knn_equals_a_loop(train: Interactions) -> None:
    matrix = train.matrix().toarray()
    expected = np.zeros((16, 16))
    for i in range(16):
        for j in range(16):
            if i != j:
                norms = np.linalg.norm(matrix[:, i]) * np.linalg.norm(matrix[:, j])
                expected[i, j] = matrix[:, i] @ matrix[:, j] / (norms + 3)
    assert np.allclose(dense(ItemKNN(shrink=3).fit(train, {})), expected, atol=1e-6)
    for j in range(16):
        expected[np.argsort(-expected[:, j], kind="stable")[4:], j] = 0
    assert np.allclose(dense(ItemKNN(shrink=3, neighbours=4).fit(train, {})), expected, atol=1e-6)


def test_rp3beta_equals_its_formula(train: Interactions) -> None:
    matrix = train.matrix().toarray()
    users, items = matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(divide="ignore"):
        to_user = np.where(items > 0, items**-0.7, 0)[:, None] * matrix.T
        to_item = np.where(users > 0, users**-0.7, 0)[:, None] * matrix
        expected = to_user @ to_item * np.where(items > 0, items**-0.3, 0)
    np.fill_diagonal(expected, 0)
    assert np.allclose(dense(RP3Beta(alpha=0.7, beta=0.3).fit(train, {})), expected, atol=1e-6)


def test_ease_equals_its_formula(train: Interactions) -> None:
    matrix = train.matrix().toarray().astype(np.float64)
    inverse = np.linalg.inv(matrix.T @ matrix + 5 * np.eye(16))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert np.allclose(dense(EASE(l2=5).fit(train)), expected, atol=1e-5)


def plain_ease(matrix: np.ndarray, l2: float) -> np.ndarray:
    inverse = np.linalg.inv(matrix.T @ matrix + l2 * np.eye(matrix.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def views(missing: int | None = None) -> dict[str, Embeddings]:
    generator = np.random.default_rng(8)
    found = {}
    for name, width in (("text", 4), ("image", 7)):
        present = np.ones(16, bool)
        if missing is not None and name == "image":
            present[missing] = False
        rows = generator.standard_normal((16, width)).astype(np.float32) + 3
        found[name] = Embeddings(rows, present)
    return found


def test_multimodal_linear_equals_l3ae_written_plainly(train: Interactions) -> None:
    items = views(missing=2)
    settings = {
        "l2": 6.0,
        "content": 1.2,
        "content_l2": 2.0,
        "weights": {"text": 0.7, "image": 0.3},
    }
    content = np.zeros((16, 16))
    for name, share in settings["weights"].items():
        view = items[name]
        rows = view.vectors - view.vectors[view.present].mean(axis=0)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) * view.present[:, None]
        content += share * plain_ease(rows.T.astype(np.float64), 2.0)
    matrix = train.matrix().toarray().astype(np.float64)
    inverse = np.linalg.inv(matrix.T @ matrix + 6 * np.eye(16))
    pull = 1.2 * 6
    smooth = inverse @ content
    expected = pull * smooth - inverse @ np.diag((1 + pull * np.diag(smooth)) / np.diag(inverse))
    np.fill_diagonal(expected, 0)
    model = MultimodalLinear(**settings).fit(train, items)
    assert np.allclose(dense(model)[:15, :15], expected[:15, :15], atol=1e-5)
    norm = np.linalg.norm(expected[:, :15], axis=0).mean()
    assert np.linalg.norm(dense(model)[:, 15]) == pytest.approx(norm, rel=1e-4)


def test_no_content_is_plain_ease(train: Interactions) -> None:
    plain = dense(EASE(l2=6).fit(train))
    assert np.allclose(dense(MultimodalLinear(l2=6).fit(train, {})), plain, atol=1e-5)
    pulled = dense(MultimodalLinear(l2=6, content=0).fit(train, views()))
    assert np.allclose(pulled[:15, :15], plain[:15, :15], atol=1e-5)


def test_new_items_are_recommended_to_those_who_like_their_kind(
    checkerboard: Interactions, parity_views: dict
) -> None:
    model = MultimodalLinear(l2=5).fit(checkerboard, parity_views)
    odd_and_even = {name: view.take([1, 0]) for name, view in parity_views.items()}
    grown = model.add_items(odd_and_even)
    scores = grown.score(Query.of([[1, 3], [0, 2]]))
    assert scores.shape == (2, 14)
    assert scores[0, 12] > scores[0, 13]
    assert scores[1, 13] > scores[1, 12]
    assert np.array_equal(model.score(Query.of([[1]])), grown.score(Query.of([[1]]))[:, :12])
    assert (
        grown.score(Query.of([[12]]))[0, [1, 3, 5]].min()
        > grown.score(Query.of([[12]]))[0, [0, 2, 4]].max()
    )
    with pytest.raises(FitError, match="a view is missing"):
        model.add_items({"text": parity_views["text"]})


def test_items_added_at_once_or_one_by_one_score_the_same(
    checkerboard: Interactions, parity_views: dict
) -> None:
    model = MultimodalLinear(l2=5).fit(checkerboard, parity_views)
    one, two = ({n: v.take([i]) for n, v in parity_views.items()} for i in (2, 3))
    both = {n: v.take([2, 3]) for n, v in parity_views.items()}
    query = Query.of([[0, 1, 4]])
    step_by_step = model.add_items(one).add_items(two).score(query)
    assert np.allclose(step_by_step, model.add_items(both).score(query), atol=1e-6)


def test_added_items_weigh_what_a_graft_of_the_whole_gives_them(train: Interactions) -> None:
    items = views()
    model = MultimodalLinear(l2=6).fit(train, items)
    assert not model.popularity_[15]  # an item without behaviour is there before
    grown = model
    for row in (3, 15, 7):
        grown = grown.add_items({n: v.take([row]) for n, v in items.items()})
    written = dense(grown)
    assert np.array_equal(written[:16, :16], dense(model))
    grown.weights_ = written.copy()
    grown.weights_[:, 15:] = grown.weights_[15:] = 0
    grown._place_cold_items()
    assert np.allclose(written, grown.weights_, atol=1e-5)


def test_a_roomy_model_is_the_same_model(train: Interactions) -> None:
    model = MultimodalLinear(l2=6).fit(train, views())
    roomy = model.reserve_capacity()
    query = Query.of([[0, 4], [15]])
    assert np.array_equal(roomy.weights_, model.weights_)
    assert np.allclose(roomy.score(query), model.score(query), atol=1e-6)
    later = {n: v.take([3]) for n, v in views().items()}
    assert roomy.add_items(later)._storage is roomy._storage  # no copy


def test_a_model_that_grew_twice_differently_keeps_both_apart(
    checkerboard: Interactions, parity_views: dict
) -> None:
    model = MultimodalLinear(l2=5).fit(checkerboard, parity_views)
    grown = model.add_items({n: v.take([0]) for n, v in parity_views.items()})
    before = dense(grown).copy()
    first, second = (
        grown.add_items({n: v.take([i]) for n, v in parity_views.items()}) for i in (1, 2)
    )
    assert np.array_equal(dense(grown), before)
    assert np.array_equal(dense(first)[:13, :13], before)
    query = Query.of([[0, 4]])
    assert first.score(query)[0, 13] < second.score(query)[0, 13]


def test_an_item_without_any_content_is_never_above_its_equals(
    checkerboard: Interactions, parity_views: dict
) -> None:
    bare = {
        n: Embeddings(np.zeros((1, v.width), np.float32), np.zeros(1, bool))
        for n, v in parity_views.items()
    }
    grown = MultimodalLinear(l2=5).fit(checkerboard, parity_views).add_items(bare)
    assert not grown.weights_[12].any()
    assert not grown.weights_[:, 12].any()


@pytest.mark.parametrize("weights", [{"sound": 1.0}, {"text": -1.0, "image": 1.0}])
def test_weights_that_fit_no_view_are_refused(train: Interactions, weights: dict) -> None:
    with pytest.raises(FitError, match="weights don't fit the views"):
        MultimodalLinear(weights=weights).fit(train, views())


def test_a_gram_matrix_without_inverse_is_said() -> None:
    with pytest.raises(FitError, match="has no inverse"):
        closed_form.inverse(np.ones((3, 3), np.float32, order="F"), l2=-1.0)


def test_a_catalogue_too_large_for_memory_is_refused_before_it_is_tried() -> None:
    huge = Interactions.of([0], [0], shape=(1, 3_000_000))
    with pytest.raises(FitError, match="a dense model of 3,000,000 items needs"):
        EASE().fit(huge)


def test_items_out_of_reach_follow_by_popularity() -> None:
    train = Interactions.of([0, 0, 1, 2, 3, 3], [0, 1, 2, 2, 3, 2], shape=(4, 5))
    listed = RP3Beta().fit(train, {}).recommend(Query.of([[0]]), 4).items
    assert listed.tolist() == [[1, 2, 3, 4]]


def test_a_dislike_pushes_like_items_down() -> None:
    pairs = [(user, item) for user in range(30) for item in (0, 1)] + [(30, 2), (31, 2), (31, 3)]
    train = Interactions.of(*zip(*pairs, strict=True), shape=(32, 4))
    for model in (EASE(l2=1).fit(train), ItemKNN(shrink=1).fit(train, {})):
        mixed = Query(np.array([-1]), np.array([0, 2]), np.array([2, 0]), np.float32([1e-6, -1]))
        assert model.score(mixed)[0, 1] < model.score(mixed)[0, 3]


def test_popular_counts_weights() -> None:
    train = Interactions.of([0, 1, 2], [0, 0, 1], shape=(3, 3), weights=[1, 1, 5])
    assert Popular().fit(train, {}).recommend(Query.of([[]]), 3).items.tolist() == [[1, 0, 2]]


def test_the_fused_view_is_read_where_the_weights_name_it(train: Interactions) -> None:
    given = views()
    joined = {**given, "fused": given["text"]}
    alone = MultimodalLinear(weights={"text": 1.0}).fit(train, given)
    early = MultimodalLinear(weights={"fused": 1.0}).fit(train, joined)
    assert np.allclose(early.weights_, alone.weights_, atol=1e-6)
    plain = MultimodalLinear().fit(train, joined)
    assert np.array_equal(plain.weights_, MultimodalLinear().fit(train, given).weights_)
    early = {"fused": 1.0, "image": 0.0, "text": 0.0}
    assert early in plain.search_space(joined)[0]["weights"]
    assert early not in plain.search_space(given)[0]["weights"]
