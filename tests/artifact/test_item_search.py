"""Search by words and content: what each part of a query does to the order."""

from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.item_search import Rankings, SearchQuery, SearchWeights, join_rankings
from polyrec.config import parse_config
from polyrec.errors import DataError


@pytest.fixture(scope="module")
def bundle(world: Path, features: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("searched")
    tree = {
        "preset": "shop",
        "data": {"path": str(world), "text": ["title", "description"]},
        "align": {"use": "whiten", "width": 16},
        "recommend": {"use": "ease", "l2": 20},
        "evaluate": {"metrics": ["recall@5"], "select_by": "recall@5"},
        "cache": str(features),
    }
    made = polyrec.run(parse_config(tree, folder=folder))
    return Bundle.load(made.save(folder / "bundle"))


def longest_text(bundle: Bundle) -> str:
    """Return the longest text of an item, without its title: its words occur in others too."""
    title, text = max(zip(bundle.titles, bundle.texts, strict=True), key=lambda pair: len(pair[1]))
    return text.removeprefix(title)


def test_an_exact_title_comes_first(bundle: Bundle) -> None:
    for row, title in enumerate(bundle.titles):
        ids, scores = bundle.search(title, k=5)
        assert bundle.title(ids[0][0]).casefold() == title.casefold()
        assert 1 < scores[0][0] <= 2, row


def test_words_and_content_are_both_searched(bundle: Bundle) -> None:
    text = longest_text(bundle)
    both = bundle.search(text, k=60).ids[0]
    words = bundle.search(SearchQuery(text, weights=SearchWeights(content=0)), k=60).ids[0]
    content = bundle.search(SearchQuery(text, view="text"), k=60).ids[0]
    assert content == bundle.similar_to("text", text, k=60).ids[0]
    assert set(both) == set(words) | set(content)
    assert len({tuple(both), tuple(words), tuple(content)}) == 3


def test_weights_move_the_order_to_their_ranking(bundle: Bundle) -> None:
    text = longest_text(bundle)
    words = bundle.search(SearchQuery(text, weights=SearchWeights(content=0)), k=5).ids[0]
    heavy = SearchQuery(text, weights=SearchWeights(words=1e6))
    assert bundle.search(heavy, k=5).ids[0] == words


def test_negative_items_push_their_like_away(bundle: Bundle) -> None:
    present = np.flatnonzero(bundle.views["fused"].present)
    liked, unlike = (bundle.ids[int(row)] for row in present[[0, 7]])
    near = bundle.similar(unlike, k=59)
    cosine = dict(zip(near.ids[0], near.scores[0], strict=True))
    plain = bundle.search(SearchQuery(items=[liked])).ids[0]
    less = bundle.search(SearchQuery(items=[liked], negative=[unlike])).ids[0]
    assert plain == bundle.similar(liked).ids[0]
    assert liked not in less
    assert unlike not in less
    assert sum(cosine[i] for i in less) < sum(cosine.get(i, 1) for i in plain)


def test_a_user_orders_what_was_found_and_adds_nothing(bundle: Bundle) -> None:
    text = longest_text(bundle)
    query = SearchQuery(text, weights=SearchWeights(content=0))
    plain = bundle.search(query, k=60).ids[0]
    personal = bundle.search(query, user="u0003", k=60).ids[0]
    assert set(personal) == set(plain)
    heavy = SearchQuery(text, weights=SearchWeights(content=0, user=1e6))
    scores = bundle.parts.recommender.score(bundle.query(["u0003"]))[0]
    ordered = sorted(plain, key=lambda item: -scores[bundle.row(item)])
    best = bundle.search(heavy, user="u0003", k=60).ids[0]
    assert [scores[bundle.row(i)] for i in best] == [scores[bundle.row(i)] for i in ordered]


def test_a_bundle_without_a_text_encoder_is_searched_by_words(bundle: Bundle) -> None:
    from dataclasses import replace

    parts = replace(bundle.parts, encoders={})
    blind = replace(bundle, parts=parts)
    title = bundle.titles[5]
    assert blind.title(blind.search(title).ids[0][0]) == title
    assert replace(blind, texts=()).search(title, k=1).ids == blind.search(title, k=1).ids


@pytest.mark.parametrize(
    ("query", "what"),
    [
        (SearchQuery(), "nothing to search for"),
        (SearchQuery(" "), "nothing to search for"),
        (SearchQuery(items=["nobody"]), "unknown item"),
        (SearchQuery("sea", view="smell"), "no such view"),
        (SearchQuery(files={"image": b"no image"}), "the bundle has no encoder for this content"),
    ],
)
def test_a_wrong_query_is_refused(bundle: Bundle, query: SearchQuery, what: str) -> None:
    with pytest.raises(DataError, match=what):
        bundle.search(query)


def test_a_single_ranking_by_content_keeps_its_cosines() -> None:
    cosines = np.array([0.1, -np.inf, 0.9], np.float32)
    assert join_rankings(Rankings(content=cosines), SearchWeights(), count=3) is cosines
    assert join_rankings(Rankings(), SearchWeights(), count=3) is None


def test_joined_scores_are_those_of_the_formula() -> None:
    words = np.array([8, 4, -np.inf, -np.inf], np.float32)
    content = np.array([0.2, 0.5, 0.8, -np.inf], np.float32)
    user = np.array([1, 2, 3, 4], np.float32)
    rankings = Rankings(words, content=content, content_weight=0.5, user=user)
    joined = join_rankings(rankings, SearchWeights(user=0.25), count=3)
    assert joined is not None
    matched = np.array([1 - 0.5, 0.5 + 0, 0 + 0.5]) / 1.5  # the mean cosine is .5
    taste = np.array([60 / 62, 60 / 61, 1])
    assert np.allclose(joined[:3], (matched + 0.25 * taste) / 1.25, atol=1e-6)
    assert joined[3] == -np.inf


def test_a_text_counts_by_how_much_its_encoder_learned_elsewhere(bundle: Bundle) -> None:
    text = longest_text(bundle)
    words = bundle.search(SearchQuery(text, weights=SearchWeights(content=0)), k=60).ids[0]
    assert bundle.search(text, k=5).ids[0] == words[:5]  # lsa knows the same words alone
    encoder = bundle.parts.encoders["text"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(encoder), "search_weight", 1.0)
        assert bundle.search(text, k=5).ids[0] != words[:5]
