import pytest

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.text import clean_text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a\n\tb  ", "a b"),
        ("<b>bold</b><script>evil()</script> &amp; more", "bold & more"),
        ("ﬁne １２３", "fine 123"),
        ("蔚蓝的港湾", "蔚蓝的港湾"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        ("1 < 2", "1 < 2"),
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
