import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.text import clean_text, tokens


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a\n\tb  ", "a b"),
        ("<b>bold</b><script>evil()</script> &amp; more", "bold & more"),
        ("ﬁne １２３", "fine 123"),
        ("蔚蓝的港湾", "蔚蓝的港湾"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        ("1 < 2", "1 < 2"),
        ("a <b", "a <b"),
        ("zero\u200bwidth \ufeffmark\x07", "zerowidth mark"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_text_is_cleaned(raw: object, clean: str) -> None:
    assert clean_text(raw) == clean


@pytest.mark.parametrize("raw", ["", "  \n", "<p></p>", b""])
def test_nothing_to_read_is_said(raw: object) -> None:
    with pytest.raises(MediaError, match="empty text"):
        clean_text(raw)


def test_a_novel_is_cut() -> None:
    assert len(clean_text("x" * 50, Limits(max_characters=20))) == 20


def test_text_comes_from_files_and_open_files(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf<p>words</p>")
    assert clean_text(tmp_path / "a.txt") == "words"
    with (tmp_path / "a.txt").open("rb") as opened:
        assert clean_text(opened) == "words"
    with pytest.raises(MediaError) as caught:
        clean_text(tmp_path / "gone.txt")
    assert caught.value.status == "missing"


@pytest.mark.parametrize("text", ["<" * 90_000, "<a " * 30_000, "<!--" * 20_000, "&" * 90_000])
def test_hostile_markup_takes_no_time(text: str) -> None:
    start = time.perf_counter()
    clean_text(text + " end")
    assert time.perf_counter() - start < 3


def test_tokens_are_words_or_characters() -> None:
    assert tokens("The DJ's 3 mixes: 海と空 สวัส", most=99)[:6] == [
        "the",
        "dj's",
        "3",
        "mixes",
        "海",
        "と",
    ]
    assert tokens("one two three", most=2) == ["one", "two"]
    assert tokens("...", most=2) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("आधुनिक मानक हिन्दी", ["आधुनिक", "मानक", "हिन्दी"]),  # vowel signs and virama
        ("क्\u200dष त्र", ["क्\u200dष", "त्र"]),  # a joiner inside a word
        ("தமிழ் বাংলা עִבְרִית عَرَبِيّ", ["தமிழ்", "বাংলা", "עִבְרִית", "عَرَبِيّ"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("\u0301a\u0308\u0323x ❤\ufe0f 1\ufe0f\u20e3", ["ạ̈x", "1"]),
        ("می\u200cخواهم", ["می", "خواهم"]),
    ],
)
def test_combining_marks_stay_with_their_letters(text: str, words: list[str]) -> None:
    assert tokens(clean_text(text), most=9) == words


@given(st.text(st.characters(categories=["Lo", "Mn", "Mc"], max_codepoint=0xDFF), max_size=12))
def test_no_mark_of_a_word_is_lost(text: str) -> None:
    first = next((i for i, c in enumerate(text) if unicodedata.category(c) == "Lo"), len(text))
    assert "".join(tokens(text, most=99)) == text[first:]
