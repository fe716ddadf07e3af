"""Detect the format of a text table: compression, encoding, separator and quote."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import chardet

from polyrec.config import DialectConfig
from polyrec.errors import DataError
from polyrec.types import Finding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SEPARATORS = (",", ";", "\t", "|")
_HEAD = 1 << 18  # bytes that a dialect is detected in
_CHUNK = 1 << 24  # bytes decoded at a time
_RECORDS = 200
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip", gzip.decompress),
    (b"\x28\xb5\x2f\xfd", "zstd", zstd.decompress),
)
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a parquet file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_MULTIBYTE = {"gb18030", "big5", "cp932", "euc-jp", "cp949", "euc-kr"}
_ALPHABETS = {
    "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-8", "iso-8859-9", "koi8-r", "cp874",
}  # fmt: skip
_MIN_CONFIDENCE = 0.15  # of chardet; among alphabets, guesses below it are noise
_EXCEL_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # the first line of some Excel exports
_REMEDY = "if the text is garbled, set data.dialect.encoding"


@dataclass(frozen=True)
class Dialect:
    """The format of a text table; `skip` is the number of lines before the header."""

    separator: str
    quote: str = '"'
    skip: int = 0


def decompressed_bytes(path: Path) -> tuple[bytes, str]:
    """Return the decompressed content of a file, and its compression: "gzip", "zstd" or ""."""
    try:
        data = path.read_bytes()
        for mark, kind in _FOREIGN.items():
            if data.startswith(mark):
                remedy = "save it as CSV, JSON lines or parquet"
                raise DataError(f"{path.name} is not text", received=kind, remedy=remedy)
        for mark, name, decompress in _COMPRESSIONS:
            if data.startswith(mark):
                return decompress(data), name
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        remedy = "export or copy it again"
        raise DataError(f"{path.name} can't be read", received=str(error), remedy=remedy) from error
    return data, ""


def to_utf8(data: bytes, encoding: str | None, *, file: str) -> tuple[bytes, str, list[Finding]]:
    """Return text as UTF-8 without byte order mark, its encoding, and a finding on a guess."""
    for mark, name in _BOMS:
        if data.startswith(mark) and encoding in (None, name, "utf-8-sig", "utf-16", "utf-32"):
            return _recode(data[len(mark) :], name, file=file), name, []
    if encoding is not None:
        return _recode(data, encoding, file=file), encoding, []
    name = _utf16_variant(data) or ("utf-8" if _is_utf8(data) else "")
    if name:
        return _recode(data, name, file=file), name, []
    name, lines = _guess_encoding(data)
    try:
        text = _recode(data, name, file=file)
    except DataError:
        name = "latin-1" if name == "cp1252" else "cp1252"
        text = _recode(data, name, file=file)
    samples = tuple(line.decode(name, errors="replace").strip()[:60] for line in lines[:3])
    what = f"text of {file} read as {name}, as it is not UTF-8"
    return text, name, [Finding("warning", what, len(lines), samples, _REMEDY)]


def _recode(data: bytes, encoding: str, *, file: str) -> bytes:
    if codecs.lookup(encoding).name == "utf-8" and _is_utf8(data):
        return data
    decoder = codecs.getincrementaldecoder(encoding)()
    pieces = []
    for start in range(0, len(data), _CHUNK):
        try:
            text = decoder.decode(data[start : start + _CHUNK], start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            line = data[: start + error.start].count(b"\n") + 1
            received = error.object[error.start : error.start + 4]
            remedy = "set data.dialect.encoding, or save the file as UTF-8"
            raise DataError(f"{file} line {line} is not {encoding}", received=received,
                            remedy=remedy) from error  # fmt: skip
        pieces.append(text.encode())
    return b"".join(pieces)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _CHUNK):
            decoder.decode(data[start : start + _CHUNK], start + _CHUNK >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _utf16_variant(data: bytes) -> str:
    """Return the UTF-16 encoding of text without byte order mark, "" if it is not UTF-16."""
    head = data[:_HEAD]
    # every second byte of ASCII text is zero
    if len(head) < 4 or 10 * head.count(0) < 4 * len(head):
        return ""
    return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"


def _guess_encoding(data: bytes) -> tuple[str, list[bytes]]:
    """Return the most likely encoding, and the first lines that are not ASCII."""
    lines: list[bytes] = []
    size = 0
    for match in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*", data):
        lines.append(match[0])
        size += len(match[0])
        if size > _HEAD:
            break
    result = chardet.detect(b"\n".join(lines))
    name = (result["encoding"] or "").lower()
    confident = float(result["confidence"] or 0) >= _MIN_CONFIDENCE
    return (name if name in _MULTIBYTE or (name in _ALPHABETS and confident) else "cp1252"), lines


def detect_dialect(data: bytes, settings: DialectConfig, *, suffix: str) -> Dialect:
    r"""Return the dialect of UTF-8 text, as set or else as detected in the first records.

    The detected separator is that with which most records have as many cells as the header.

    >>> detect_dialect(b"a;b;c\n1;2,5;x\n", DialectConfig(), suffix=".csv")
    Dialect(separator=';', quote='"', skip=0)
    """
    head = data[:_HEAD].decode("utf-8", errors="ignore")
    hint = _EXCEL_HINT.match(head)
    skip = 1 if hint else 0
    lines = list(io.StringIO(head, newline="\n"))[skip:]
    if len(data) > _HEAD:
        lines = lines[:-1]  # the last one may be incomplete
    quote = settings.quote if settings.quote is not None else _quote(lines)
    separator = settings.separator or (hint[1] if hint else _separator(lines, quote, suffix))
    return Dialect(separator, quote, skip)


def _quote(lines: Sequence[str]) -> str:
    """Return the single quote if all names of the header are in single quotes, else the double."""
    names = re.split(r"[,;\t|]", lines[0].strip()) if lines else []
    single = all(re.fullmatch("'[^']+'", name) for name in names)
    return "'" if names and single else '"'


def _separator(lines: Sequence[str], quote: str, suffix: str) -> str:
    best = (0.0, 0)
    chosen = "\t" if suffix == ".tsv" else ","
    for separator in sorted(_SEPARATORS, key=lambda s: s != chosen):
        counts = list(_cell_counts(lines, separator, quote))
        width = counts[0] if counts else 0
        share = sum(count == width for count in counts) / max(1, len(counts))
        if width > 1 and (share, width) > best:
            best, chosen = (share, width), separator
    return chosen


def _cell_counts(lines: Sequence[str], separator: str, quote: str) -> Iterator[int]:
    """Yield the number of cells of the first records that are not empty."""
    rows = csv.reader(
        lines,
        delimiter=separator,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    try:
        for _, row in zip(range(_RECORDS), rows, strict=False):
            if row:
                yield len(row)
    except csv.Error:  # a cell over the limit of the csv module
        return
