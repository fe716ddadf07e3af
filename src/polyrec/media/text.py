"""Clean text without knowing its language."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

from polyrec.errors import MediaError

LONGEST = 100_000  # characters that are read; a novel in a field is a mistake, not content


class _Stripper(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's form
        self.hidden += tag in ("script", "style")
        self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style") and self.hidden > 0

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(data)


def clean_text(raw: object) -> str:
    """Return text in NFKC with tags stripped and white space folded; empty text is `MediaError`.

    >>> clean_text("<p>Ｃａｆｅ&nbsp;noir</p>")
    'Cafe noir'
    """
    text = raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else str(raw)
    text = text[:LONGEST]
    if "<" in text or "&" in text:
        stripper = _Stripper()
        stripper.feed(text)
        stripper.close()
        text = "".join(stripper.pieces)
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    if not text:
        raise MediaError("empty text", remedy="leave it out")
    return text
