"""Write rankings and relevant items for other tools: TREC run and qrels, parquet, csv."""

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

    A TREC run has lines of user, Q0, item, rank, score and tag. Its readers sort by score alone, so
    an equal score is lowered by the smallest step of a float32.
    """
    rows, ranks = (evaluation.ranking.items >= 0).nonzero()
    row_users = evaluation.users[rows]
    listed = evaluation.ranking.items[rows, ranks]
    if path.suffix in _TABLES:
        frame = pl.DataFrame(
            {
                "user": [users[row] for row in row_users],
                "item": [items[row] for row in listed],
                "score": evaluation.ranking.scores[rows, ranks],
                "rank": ranks + 1,
            }
        )
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
        return
    user_words, item_words, name = _trec_words(users), _trec_words(items), trec_word(tag)
    scores = _decreasing(evaluation.ranking.scores)[rows, ranks]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(
            f"{user_words[user]} Q0 {item_words[item]} {rank + 1} {score:.9g} {name}\n"
            for user, item, rank, score in zip(row_users, listed, ranks, scores, strict=True)
        )


def write_qrels(
    evaluation: Evaluation,
    target: Interactions,
    path: Path,
    *,
    users: Sequence[str],
    items: Sequence[str],
) -> None:
    """Write the relevant items of each evaluated user, in lines of user, 0, item and 1."""
    if path.suffix in _TABLES:
        raise ConfigError("qrels are plain text", received=path.name, remedy="use .qrels")
    user_words, item_words = _trec_words(users), _trec_words(items)
    relevant = target.positives()
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for user in evaluation.users:
            row = np.sort(relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]])
            file.writelines(f"{user_words[user]} 0 {item_words[item]} 1\n" for item in row)


def trec_word(name: str) -> str:
    """Return an id as one word: white space, control characters and % percent-encoded.

    >>> trec_word("blue suede 100%")
    'blue%20suede%20100%25'
    """
    if not name:
        raise DataError("an id is empty", remedy="write .csv or .parquet, or give it an id")
    return re.sub(r"[\s%\x00-\x1f\x7f-\x9f]", lambda match: quote(match[0], safe=""), name)


def _trec_words(names: Sequence[str]) -> list[str]:
    return [trec_word(name) for name in names]


def _decreasing(scores: Floats) -> Floats:
    """Return scores that strictly decrease along each row; only equal ones change."""
    decreasing = scores.copy()
    for rank in range(1, scores.shape[1]):
        limit = np.nextafter(decreasing[:, rank - 1], np.float32(-np.inf))
        decreasing[:, rank] = np.minimum(decreasing[:, rank], limit)
    return decreasing
