"""One index by content, for a bundle and for the service."""

from dataclasses import replace

import numpy as np
import pytest

from polyrec.align.identity import Identity
from polyrec.artifact.content_index import ContentIndex
from polyrec.artifact.parts import Parts
from polyrec.errors import DataError
from polyrec.fuse.concat import Concat
from polyrec.types import Embeddings, Interactions, Views


class Twin(Identity):
    """Fills in an absent image by the text's row."""

    def align(self, views: Views) -> Views:
        return {"image": views["text"], **views}


def rows(vectors: list, space: str = "") -> Embeddings:
    array = np.array(vectors, np.float32)
    return Embeddings(array, np.ones(len(array), bool), space=space)


@pytest.fixture
def parts() -> Parts:
    nothing = np.zeros(0, np.int64)
    train = Interactions(nothing, nothing, nothing, nothing, nothing, (1, 1))
    views = {"image": rows([[1, 0]]), "text": rows([[1, 0]])}
    return Parts({}, Identity().fit(views, train), Concat().fit(views, train), recommender=None)


def test_several_vectors_are_compared_by_their_mean_direction(parts: Parts) -> None:
    draw = np.random.default_rng(3)
    view = rows(draw.standard_normal((20, 4)))
    view.present[7] = False
    vectors = draw.standard_normal((3, 4)).astype(np.float32)
    scores = ContentIndex({"text": view}, parts).score("text", vectors)
    mean = sum(row / np.linalg.norm(row) for row in vectors)
    for i, row in enumerate(view.vectors):
        cosine = row @ mean / np.linalg.norm(row) / np.linalg.norm(mean)
        assert scores[i] == (-np.inf if i == 7 else pytest.approx(cosine, abs=1e-6))


def test_new_content_is_fused_as_an_item_with_nothing_else(parts: Parts) -> None:
    index = ContentIndex({"fused": rows([[1, 0, 1, 0]])}, replace(parts, imputer=Twin()))
    text = rows([[0, 2]])
    fused = parts.fuser.fuse({"image": text, "text": text}).vectors
    assert np.array_equal(index.embed("fused", {"text": text}), fused)


def test_a_view_takes_content_of_its_own_space_alone(parts: Parts) -> None:
    index = ContentIndex({"text": rows([[1, 0]], "clip"), "image": rows([[0, 1]], "clip")}, parts)
    encoded = {"text": rows([[1, 2]], "clip"), "image": rows([[3, 4]], "clip")}
    assert index.embed("image", encoded).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(DataError, match="share no space: received 'text and image'"):
        index.embed("image", {"text": rows([[1, 2]], "lsa")})
    with pytest.raises(DataError, match="no such view: received 'smell'"):
        index.score("smell", encoded["text"].vectors)
