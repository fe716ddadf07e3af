"""Clean and tokenize text of any language."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.source import open_content
from polyrec.types import Raw

# scripts written without spaces (Han, kana, Thai, Lao, Khmer, Burmese): each character is a token
_UNSPACED = (
    r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    r"\U00020000-\U0003ffff"
)
_SELECTORS = range(0xFE00, 0xFE10)  # how an emoji looks
_INVISIBLE = {"Cc", "Cf", "Cs", "Co"}  # controls, direction marks, surrogates, private use
_KEPT = "\t\n\r\u200c\u200d"  # joiners carry meaning in Persian, Hindi and emoji
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&[#a-zA-Z]")


class _Stripper(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the base class's signature
        self.hidden += tag in ("script", "style")
        self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style") and self.hidden > 0

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(data)


def clean_text(raw: object, limits: Limits | None = None) -> str:
    """Return text in NFKC, without tags and invisible characters, white space folded.

    A path, bytes, an open file or a URL is read as UTF-8; empty text raises `MediaError`.

    >>> clean_text("<p>Ｃａｆｅ&nbsp;noir</p>")
    'Cafe noir'
    """
    allowed = limits or Limits()
    text = _read(raw, allowed)[: allowed.max_characters]
    if _MARKUP.search(text):
        text = _strip(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _INVISIBLE)
    text = " ".join(text.replace("\0", " ").split())
    if not text:
        raise MediaError("empty text", remedy="leave it out")
    return text


def tokens(text: str, *, most: int) -> list[str]:
    """Return the first words of clean text in lower case; single characters in unspaced scripts.

    Combining marks, such as the vowel signs of Hindi and Thai, stay with their letters.

    >>> tokens("Don't stop, 蔚蓝!", most=9)
    ["don't", 'stop', '蔚', '蓝']
    """
    words = []
    for match in _token().finditer(text.lower()):
        words.append(match.group())
        if len(words) == most:
            break
    return words


@cache
def word_pattern(letter: str = r"\w", *, least: int = 1) -> str:
    r"""Return the pattern of a word: a letter, then letters and combining marks (no `\w` in `re`).

    Joiners stay between a mark and a letter, as in Hindi. `least` is the number of characters.
    """
    later = f"(?:{letter}|[{_marks()}])"
    return rf"{letter}{later}{{{least - 1},}}(?:(?<=[{_marks()}])[\u200c\u200d]{later}+)*"


@cache
def _marks() -> str:
    marks = (c for c in range(0x300, 0x1F000) if unicodedata.category(chr(c)) in ("Mn", "Mc"))
    return "".join(chr(c) for c in marks if c not in _SELECTORS)


@cache
def _token() -> re.Pattern[str]:
    word = word_pattern(rf"[^\W_{_UNSPACED}]")
    return re.compile(rf"[{_UNSPACED}][{_marks()}]*|{word}(?:['’](?:[^\W\d_]|[{_marks()}])+)?")


def _read(raw: object, limits: Limits) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bytes) and not raw:
        raise MediaError("empty text", remedy="leave it out")
    if isinstance(raw, Path | bytes | tuple) or hasattr(raw, "read"):
        with open_content(_as_raw(raw), limits) as file:
            # a character takes four bytes at most
            head = file.read(4 * limits.max_characters)
        return head.decode("utf-8-sig", errors="replace")
    return str(raw)


def _as_raw(raw: object) -> Raw:
    return raw  # type: ignore[return-value]


def _strip(text: str) -> str:
    # the parser takes quadratic time for unclosed tags: there is no tag after the last '>'
    end = text.rfind(">") + 1
    if text.count("<", 0, end) > 20_000:
        return re.sub(r"<[^<>]*>", " ", text)
    stripper = _Stripper()
    stripper.feed(text[:end])
    stripper.close()
    tail = _Stripper()
    tail.feed(text[end:].replace("<", "&lt;"))
    tail.close()
    return "".join(stripper.pieces) + "".join(tail.pieces)
