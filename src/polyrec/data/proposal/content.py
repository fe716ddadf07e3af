"""Propose what the columns of items are: title, text, media, metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polyrec.data.media_files import MediaFolder
from polyrec.data.proposal.hints import Hint, has_hint, words_of
from polyrec.data.proposal.profile import Column, media_counts

_TEXTS: tuple[Hint, ...] = ("text", "categories", "brand", "title")
_ID_WORDS = (["id"], ["key"], ["code"], ["ean"], ["nr"], ["no"])
_MIN_MEDIA = 0.5  # of the cells, that are names of files


@dataclass
class DataProposal:
    """The `data` section of a config, the evidence of each key, and what to check."""

    data: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)  # key -> text
    checks: list[str] = field(default_factory=list)

    def map(self, name: str, column: str | Sequence[str], evidence: str) -> None:
        """Propose a key of `data.columns`."""
        self.columns[name] = column
        self.evidence[f"columns.{name}"] = evidence

    def set(self, name: str, value: object, evidence: str = "") -> None:
        """Propose a key of `data`."""
        self.data[name] = value
        if evidence:
            self.evidence[name] = evidence


def propose_content(
    proposal: DataProposal, columns: Sequence[Column], key: str, folder: MediaFolder
) -> list[Column]:
    """Add the keys for title, text and media; return the columns that may be metadata."""
    media = _propose_media(proposal, columns, folder)
    rest = [c for c in columns if c.name != key and c.name not in media and not _is_link(c)]
    title = _title(rest)
    texts = [c for c in rest if c is not title and _is_text(c)]
    if title is not None:
        proposal.map("title", title.name, _examples(title))
        texts.insert(0, title)
    if texts:
        words = sum(column.words for column in texts)
        proposal.set("text", [c.name for c in texts], f"{words:.0f} words per item")
    return [c for c in rest if c is not title]


def _propose_media(
    proposal: DataProposal, columns: Sequence[Column], folder: MediaFolder
) -> set[str]:
    """Add image, audio and video; return the columns that name files, but are no ids."""
    names = set()
    for kind, files in media_counts(folder).items():
        if not files:
            continue
        shares = {
            c.name: (c.count_media(kind, folder) / c.sampled, "." in str(c.distinct[0]))
            for c in columns
            if not c.is_list and c.words < 4 and c.times is None
        }
        best = max(shares, key=shares.__getitem__, default=None)
        share = shares[best][0] if best else 0.0
        evidence = f"{share:.0%} of the values are {kind} files of this folder"
        if best is None or share < _MIN_MEDIA:
            proposal.checks.append(
                f"{kind}: {files:,} files, but no column names them"
                + (f" ({best!r}: {evidence})" if share else "")
            )
            continue
        proposal.set(kind, best, evidence)
        if shares[best][1]:
            names.add(best)
    return names


def _title(columns: Sequence[Column]) -> Column | None:
    """Return the column with the titles, if there is one."""
    scores = {
        c.name: 2 * has_hint(c.name, "title") + len(c.distinct) / c.filled - 2 * (c.words > 15)
        for c in columns
        if not c.is_list and c.numbers is None and c.times is None
        and (has_hint(c.name, "title") or c.words >= 1.5)
        and not has_hint(c.name, "brand")
    }  # fmt: skip
    best = max(scores, key=scores.__getitem__, default=None)
    return next((c for c in columns if c.name == best), None)


def _is_text(column: Column) -> bool:
    if column.times is not None or (column.numbers is not None and not column.is_list):
        return False
    if bool(column.distinct.head(50).str.starts_with("{").any()):  # objects
        return False
    named = any(has_hint(column.name, hint) for hint in _TEXTS)
    return named or column.words >= 1.5 or column.is_list


def _is_link(column: Column) -> bool:
    return not column.is_list and bool(column.distinct.head(50).str.contains("^https?://").all())


def propose_metadata(proposal: DataProposal, columns: Sequence[Column]) -> None:
    """Add the keys of `data.columns` that services filter, sort and show by."""
    lists: dict[str, list[str]] = {"numbers": [], "labels": []}
    for column in columns:
        key, otherwise = _metadata_key(column)
        if key and key not in proposal.columns and key not in lists:
            proposal.map(key, column.name, _examples(column))
        elif otherwise:
            lists[otherwise].append(column.name)
    for key, names in lists.items():
        if names:
            proposal.map(key, names, "filters by " + ("range" if key == "numbers" else "value"))


def _metadata_key(column: Column) -> tuple[str, str]:
    """Return the key for a column, and the one if that is taken; "" for none."""
    if column.times is not None:
        return ("" if column.times.is_guess else "added"), ""
    if column.numbers is not None:
        is_id = words_of(column.name)[-1:] in _ID_WORDS
        return ("", "") if is_id else ("price" if has_hint(column.name, "price") else "", "numbers")
    if len(column.distinct) <= max(20, column.filled / 2) and column.words < 4:
        otherwise = "" if column.is_list else "labels"
        named: tuple[Hint, ...] = ("categories", "brand")
        return next((hint for hint in named if has_hint(column.name, hint)), ""), otherwise
    return ("description" if column.words >= 5 else ""), ""


def _examples(column: Column) -> str:
    shown = ", ".join(repr(value[:30]) for value in column.distinct.head(2))
    return f"{len(column.distinct):,} different values, such as {shown}"
