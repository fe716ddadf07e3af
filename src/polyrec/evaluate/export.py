"""Rankings and judgements as files that other tools read: TREC run and qrels, parquet, csv."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from polyrec.errors import ConfigError, DataError
from polyrec.evaluate.protocols import Evaluation
from polyrec.types import Floats, Interactions

_TABLES = (".parquet", ".csv")


def write_rankings(
    evaluation: Evaluation, path: Path, *, users: Sequence[str], items: Sequence[str], tag: str
) -> None:
    """Write the lists: .parquet and .csv as user, item, score, rank; any other name as a TREC run.

    A TREC run has lines of user, Q0, item, rank, score and tag. Programs that read one order it by
    score alone, so an equal score is lowered by the least step that a float32 can take.
    """
    rows, places = (evaluation.ranking.items >= 0).nonzero()
    asked = evaluation.users[rows]
    listed = evaluation.ranking.items[rows, places]
    if path.suffix in _TABLES:
        frame = pl.DataFrame(
            {
                "user": [users[row] for row in asked],
                "item": [items[row] for row in listed],
                "score": evaluation.ranking.scores[rows, places],
                "rank": places + 1,
            }
        )
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
        return
    who, what, name = _words(users), _words(items), trec_word(tag)
    scores = _falling(evaluation.ranking.scores)[rows, places]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(
            f"{who[user]} Q0 {what[item]} {place + 1} {score:.9g} {name}\n"
            for user, item, place, score in zip(asked, listed, places, scores, strict=True)
        )


def write_qrels(
    evaluation: Evaluation,
    target: Interactions,
    path: Path,
    *,
    users: Sequence[str],
    items: Sequence[str],
) -> None:
    """Write what is relevant to each user that was asked, in lines of user, 0, item and 1."""
    if path.suffix in _TABLES:
        raise ConfigError("qrels are plain text", received=path.name, remedy="use .qrels")
    who, what = _words(users), _words(items)
    relevant = target.positives()
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for user in evaluation.users:
            found = np.sort(relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]])
            file.writelines(f"{who[user]} 0 {what[item]} 1\n" for item in found)


def trec_word(name: str) -> str:
    """Return an id as one word: white space, control characters and % percent-encoded.

    >>> trec_word("blue suede 100%")
    'blue%20suede%20100%25'
    """
    if not name:
        raise DataError("an id is empty", remedy="write .csv or .parquet, or give it an id")
    return re.sub(r"[\s%\x00-\x1f\x7f-\x9f]", lambda found: quote(found[0], safe=""), name)


def _words(names: Sequence[str]) -> list[str]:
    return [trec_word(name) for name in names]


def _falling(scores: Floats) -> Floats:
    """Return scores that fall within each row; they change only where they were equal."""
    falling = scores.copy()
    for place in range(1, scores.shape[1]):
        highest = np.nextafter(falling[:, place - 1], np.float32(-np.inf))
        falling[:, place] = np.minimum(falling[:, place], highest)
    return falling
