from pathlib import Path

import numpy as np
import pytest

from polyrec.encode.text.word_vectors import WordVectors, read_word_vectors
from polyrec.errors import ConfigError, DataError

GLOVE = "the 1 0 0\nsea 0 1 0\nboat 0 0.8 0.6\nbroken 1 x 2\nshort 1 2\nnan nan 0 0\nsoup 1 0 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "glove.txt").write_text(GLOVE, encoding="utf-8")
    return tmp_path / "glove.txt"


def test_lines_that_are_no_vectors_are_skipped(file: Path, tmp_path: Path) -> None:
    words, vectors = read_word_vectors(file, most=99)
    assert words == ["the", "sea", "boat", "soup"]
    assert vectors.shape == (4, 3)
    (tmp_path / "w2v.txt").write_text("4 3\n" + GLOVE)
    assert read_word_vectors(tmp_path / "w2v.txt", most=2)[0] == ["the", "sea"]


def test_the_mean_is_the_mean(file: Path) -> None:
    encoder = WordVectors(path=str(file), weighting="mean").fit([], None)
    view = encoder.encode(["The sea, the SEA!", None, "unknown words"])
    assert np.allclose(view.vectors[0], np.array([1, 1, 0]) / np.sqrt(2))
    assert view.present.tolist() == [True, False, False]
    assert view.problems[2].reason == "no word of the vocabulary"


def test_sif_gives_frequent_words_lower_weights(file: Path) -> None:
    texts = ["the the the the sea", "the boat", "the soup", "the sea boat"]
    encoder = WordVectors(path=str(file)).fit(texts, None)
    weights = dict(zip(encoder.words_, encoder.weights_, strict=True))
    assert weights["the"] < weights["sea"] < weights["soup"]
    rows = encoder.encode(texts).vectors
    assert np.abs(rows @ encoder.common_).max() < 1e-5


def test_a_wrong_path_and_a_wrong_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file of word vectors"):
        WordVectors().fit([], None)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe binary \x00" * 9)
    with pytest.raises(DataError, match="no word vectors in this file"):
        WordVectors(path=str(tmp_path / "a.txt")).fit([], None)
