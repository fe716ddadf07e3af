"""Generative retrieval over the trie of codes."""

from collections.abc import Callable

import numpy as np
import torch

from polyrec.contracts import Recommender
from polyrec.recommend import Tiger
from polyrec.recommend.generative.code_transformer import (
    MISSED,
    CodeTransformer,
    CodeTrie,
    beam_scores,
)
from polyrec.types import Embeddings, Interactions, Query

CODES = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 0], [2, 1, 0], [1, 1, 0], [1, 0, 0]])


def network() -> CodeTransformer:
    torch.manual_seed(3)
    return CodeTransformer((3, 2, 2), 8, layers=1, heads=2, longest=5, dropout=0.0).eval()


def test_a_wide_beam_gives_the_log_probability_of_each_code() -> None:
    model, states = network(), torch.randn(4, 8)
    with torch.inference_mode():
        scores = beam_scores(model, states, CodeTrie.of(CODES), 50)
        for item, code in enumerate(CODES):
            prefixes = torch.from_numpy(code).expand(4, -1)
            levels = model.token_scores(states, prefixes)
            expected = sum(level[:, token] for level, token in zip(levels, code, strict=True))
            assert np.allclose(scores[:, item], expected, atol=1e-5)


def test_the_tokens_after_a_position_are_not_read() -> None:
    model, states = network(), torch.randn(2, 8)
    with torch.inference_mode():
        short = model.token_scores(states, torch.tensor([[1], [2]]))
        long = model.token_scores(states, torch.tensor([[1, 0, 1], [2, 1, 0]]))
    assert len(short) == 2
    assert len(long) == 3
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(short, long, strict=False))


def test_a_narrow_beam_keeps_the_best_and_ranks_the_others_behind() -> None:
    model, states, trie = network(), torch.randn(4, 8), CodeTrie.of(CODES)
    with torch.inference_mode():
        exact = beam_scores(model, states, trie, 50)
        narrow = beam_scores(model, states, trie, 1)
    reached = narrow > -MISSED / 2
    assert (reached.sum(axis=1) >= 1).all()
    assert (reached.sum(axis=1) <= 2).all()  # the last token has two values at most
    assert np.allclose(narrow[reached], exact[reached], atol=1e-5)
    assert np.isfinite(narrow).all()


def test_a_new_item_is_recommended_where_its_likes_are(
    fitted: Callable[[str], Recommender], checkerboard: Interactions, parity_views: dict
) -> None:
    model = fitted("tiger")
    assert isinstance(model, Tiger)
    assert len(np.unique(model.codes_, axis=0)) == 12
    new = {
        name: Embeddings(view.vectors[[2, 3]], view.present[[2, 3]])
        for name, view in parity_views.items()
    }
    grown = model.add_items(new)
    scores = grown.score(checkerboard.histories(range(20)))
    even = np.arange(20) % 2 == 0
    assert (scores[even, 12] > scores[even, 13]).mean() > 0.8
    assert (scores[~even, 13] > scores[~even, 12]).mean() > 0.8


def test_without_content_items_are_told_apart_by_their_numbers(checkerboard: Interactions) -> None:
    model = Tiger(**Tiger.small).fit(checkerboard)
    assert model.codes_[:, -1].tolist() == list(range(12))
    listed = model.recommend(Query.of([[0, 2], [1, 3]]), 4).items
    assert (listed % 2 == [[0], [1]]).mean() > 0.8
