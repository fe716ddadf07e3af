"""Propose the keys of events: files, kinds with their weights, labels of users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from polyrec.config import PRESETS
from polyrec.data.proposal.content import DataProposal
from polyrec.data.proposal.hints import has_hint, is_generic, words_of
from polyrec.data.proposal.profile import Column
from polyrec.data.proposal.relations import EventFile, Match

_MAX_KINDS = 12
_KINDS = {
    1.0: "view click visit play open impression listen watch stream read browse",
    2.0: "cart basket add checkout like favorite favourite save wishlist follow share star heart",
    4.0: "purchase buy order bought sale transaction complete subscribe",
    -2.0: "dislike hide report remove return refund skip block unlike",
}


def distinct_names(*columns: Column) -> str | list[str]:
    """Return the distinct names of columns, or the one that all have."""
    names = list(dict.fromkeys(column.name for column in columns))
    return names[0] if len(names) == 1 else names


def propose_event_files(proposal: DataProposal, files: Sequence[EventFile]) -> None:
    """Add `interactions`: a file, or several with the kinds of their events if they differ."""
    rows = " and ".join(f"{file.table.rows:,}" for file in files)
    names = [file.table.file for file in files]
    kinds = {file.table.file: file.table.stem for file in files}
    if len(files) == 1 or _are_parts(files):
        proposal.set("interactions", names if len(names) > 1 else names[0], f"{rows} rows")
        return
    proposal.set("interactions", kinds, f"files and the kinds of their events; {rows} rows")
    propose_kinds(proposal, kinds.values())


def _are_parts(files: Sequence[EventFile]) -> bool:
    """Return whether files are parts of one log: by their columns, and by year or month, say."""
    if len({tuple(column.name for column in file.table.columns) for file in files}) > 1:
        return False
    words = [set(words_of(re.sub(r"\d+", " ", file.table.stem))) for file in files]
    return bool(set.intersection(*words)) or not any(map(_weight, (f.table.stem for f in files)))


def propose_users(proposal: DataProposal, users: Match) -> None:
    """Add the table of users, and the labels that it has: values that many users share."""
    labels = [
        column.name
        for column in users.other.columns
        if column is not users.key and column.times is None and column.words < 4
        and not column.is_float and not column.is_key
        and len(column.distinct) <= max(20, column.filled / 2)
    ]  # fmt: skip
    if not labels:
        proposal.checks.append(f"{users.other.file}: users, without labels that several have")
        return
    proposal.set("users", users.other.file, f"{users.overlap:.0%} of the users are in it")
    proposal.map("user_labels", labels, "of users, for the service and its pages")
    names = ", ".join(labels)
    proposal.checks.append(f"user_labels: {names} get into the bundle; drop what is too personal")


def propose_kind_column(proposal: DataProposal, columns: Sequence[Column]) -> None:
    """Add the column of kinds, if there is one, and a weight for each kind."""
    for column in columns:
        if column.numbers is not None or column.is_list:
            continue
        known = is_generic(column.name) and all(map(_weight, column.distinct.head(_MAX_KINDS)))
        if not known and not has_hint(column.name, "kind"):
            continue
        if len(column.distinct) <= _MAX_KINDS and column.times is None:
            proposal.map("kind", column.name, f"{len(column.distinct)} kinds of events")
            propose_kinds(proposal, column.distinct)
            return


def propose_kinds(proposal: DataProposal, kinds: Iterable[str]) -> None:
    """Add a weight for each kind of event, by its name."""
    weights = {kind: _weight(kind) for kind in kinds}
    chosen = {kind: 1.0 if weight is None else weight for kind, weight in weights.items()}
    proposal.set("kinds", chosen, "weights; below 0 is a dislike")
    unknown = [kind for kind, weight in weights.items() if weight is None]
    if unknown:
        proposal.checks.append(f"kinds: the weights of {', '.join(unknown)} are guesses")


def _weight(kind: str) -> float | None:
    """Return the weight of a kind of event by its name, None for an unknown one."""
    presets: Mapping[str, float] = {k: w for preset in PRESETS.values() for k, w in preset.items()}
    if kind in presets:
        return presets[kind]
    words = "".join(c if c.isalnum() else " " for c in kind.lower()).split()
    for weight, known in reversed(_KINDS.items()):
        if any(word.removesuffix("s") in known.split() for word in words):
            return weight
    return None
