"""BM25 equals its formula while documents come and go; titles are found whatever their spelling."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.index import words
from polyrec.index.terms import search_terms
from polyrec.index.words import WordIndex

WORDS = st.lists(st.sampled_from(["red", "lamp", "sea", "film", "a"]), max_size=6).map(" ".join)
CHANGES = st.lists(st.tuples(st.integers(0, 5), st.none() | st.tuples(WORDS, WORDS)), max_size=12)


def brute_force(documents: dict[int, tuple[str, str]], query: str, row: int) -> float:
    """Return the score of a row by the formula of Robertson and Zaragoza."""
    bags = {r: Counter(search_terms(f"{f'{title} ' * 3}{text}"))
            for r, (title, text) in documents.items()}  # fmt: skip
    mean = sum(bag.total() for bag in bags.values()) / len(bags)
    total = 0.0
    for term in search_terms(query):
        count = sum(bag[term] > 0 for bag in bags.values())
        tf, length = bags[row][term], bags[row].total()
        idf = math.log(1 + (len(bags) - count + 0.5) / (count + 0.5))
        total += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / mean)) if tf else 0
    return total


@given(CHANGES, WORDS)
def test_scores_are_those_of_the_formula(changes: list, query: str) -> None:
    index, documents = WordIndex(), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_MAX_TAIL", 2)
        for row, document in changes:
            if document is None:
                index.remove(row)
                documents.pop(row, None)
            else:
                index.put(row, *document)
                documents[row] = document
            scores = index.score(query)
            assert len(index) == len(documents)
            assert len(scores) == max(documents, default=-1) + 1
            expected = [brute_force(documents, query, r) if r in documents else 0
                        for r in range(len(scores))]  # fmt: skip
            assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Usual Suspects, The (1995)", "the usual suspects"),
        ("Usual Suspects, The (1995)", "The Usual Suspects 1995"),
        ("Amélie", "AMELIE"),
        ("红色台灯（新款）", "红色台灯"),
        ("नमस्ते लंदन", "नमस्ते लंदन"),
        ("Schindler's List", "schindler’s list"),
    ],
)
def test_a_title_is_found_by_its_terms(title: str, query: str) -> None:
    index = WordIndex()
    index.put(0, "Another", query)
    index.put(7, title)
    assert index.titled(query).tolist() == [7]
    index.put(7, "Renamed")
    assert index.titled(query).tolist() == []


def test_a_title_in_order_goes_before_its_permutation() -> None:
    index = WordIndex.of(["Desert oasis", "Oasis desert", "Oasis desert (2)"], [])
    assert index.titled("oasis desert").tolist() == [1, 2]
    assert index.titled("desert (2) oasis").tolist() == [2]


def test_terms_of_many_scripts() -> None:
    assert search_terms("東京タワー 3 days") == ["東京", "京タ", "タワ", "ワー", "3", "days"]
    assert search_terms("हिन्दी फ़िल्म") == search_terms("हिन्दी, फ़िल्म!") != []
    assert len(search_terms("हिन्दी")) == 1
    assert search_terms("부산 행") == ["부산", "행"]
    assert search_terms("Ｃａｆé don't") == ["cafe", "don", "t"]
    assert search_terms("snake_case \0 \ud800 !") == ["snake", "case"]


def test_a_query_without_a_known_word_scores_nothing() -> None:
    index = WordIndex()
    assert index.score("sea").tolist() == []
    index.put(2, "Film")
    assert index.score("sea !").tolist() == [0, 0, 0]
    assert np.flatnonzero(index.score("film")).tolist() == [2]
