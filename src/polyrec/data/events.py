"""Convert the columns of events: times, kinds, weights, the split of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.config import DataConfig
from polyrec.config.event_weights import UNNAMED_KIND, EventWeights
from polyrec.data.columns import invalid_cells, to_numbers, to_text
from polyrec.data.splits import SPLITS, Codes
from polyrec.data.times import parse_times
from polyrec.data.validation import finding_for
from polyrec.errors import DataError, ErrorCollector, nearest
from polyrec.source_tables import SourceTables, TableSource
from polyrec.types import NO_TIME, Finding, Floats, Ints, id_problem


@dataclass(frozen=True)
class EventColumns:
    """The columns of events other than user and item, and findings about them."""

    times: Ints  # (e,)
    kinds: tuple[str, ...]  # names of the codes
    codes: npt.NDArray[np.int16]  # (e,)
    weights: Floats  # (e,)
    own_split: Codes | None  # (e,) the split of the data
    findings: tuple[Finding, ...]


def convert_columns(
    tables: SourceTables, config: DataConfig, kind_weights: Mapping[str, float]
) -> EventColumns:
    """Return the columns of events; the errors of all columns are raised together."""
    frame, source = tables.events, tables.event_source
    findings: list[Finding] = []
    errors = ErrorCollector()
    with errors.catch():
        times = _times(frame, source, config.time_format, findings)
    with errors.catch():
        kinds, codes = _kinds(frame, source, kind_weights)
        rule = EventWeights(kind_weights, config.min_rating)
        weights = rule.of_events(kinds, codes, ratings=_ratings(frame, source, rule, findings))
    with errors.catch():
        factors = _factors(frame, source, findings)
    with errors.catch():
        own_split = _given_split(frame, source)
    errors.raise_any()
    weights = weights if factors is None else weights * factors
    return EventColumns(times, kinds, codes, weights, own_split, tuple(findings))


def _times(
    frame: pl.DataFrame, source: TableSource, time_format: str | None, findings: list[Finding]
) -> Ints:
    if "time" not in frame.columns:
        return np.full(len(frame), NO_TIME)
    times, more = parse_times(frame["time"], source, time_format)
    findings += more
    return times.fill_null(NO_TIME).to_numpy().astype(np.int64)


def _kinds(
    frame: pl.DataFrame, source: TableSource, kind_weights: Mapping[str, float]
) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:
    """Return the names of the kinds, and the (e,) codes of the events."""
    if "kind" not in frame.columns:
        return (UNNAMED_KIND,), np.zeros(len(frame), np.int16)
    kinds = frame["kind"].cast(pl.String).replace("", None).fill_null(UNNAMED_KIND)
    names = kinds.unique().sort()
    _check_kinds(names.to_list(), source, kind_weights)
    codes = kinds.replace_strict(names, np.arange(len(names)), return_dtype=pl.Int16)
    return tuple(names.to_list()), codes.to_numpy()


def _check_kinds(
    kinds: Sequence[str], source: TableSource, kind_weights: Mapping[str, float]
) -> None:
    """Raise `DataError` for kinds that are no valid ids, or have no weight in the config."""
    where = f"{source.file}, column {source.column('kind')!r}"
    invalid = [kind for kind in kinds if id_problem(kind)]
    if invalid:
        received = ", ".join(repr(kind[:40]) for kind in invalid[:5])
        remedy = f"{id_problem(invalid[0])}: rename or drop them"
        what = f"{where}: {len(invalid):,} invalid kind ids"
        raise DataError(what, received=received, remedy=remedy)
    unknown = [kind for kind in kinds if kind not in kind_weights]
    if not unknown:
        return
    known = f" ({nearest(unknown[0], kind_weights)})" if kind_weights else ""
    remedy = (
        f"give it a weight: data.kinds.{unknown[0]}, below 0 for a dislike{known}; "
        "or use a preset: shop, social or media"
    )
    raise DataError(f"{where}: unknown kinds of events", received=unknown[:5], remedy=remedy)


def _ratings(
    frame: pl.DataFrame, source: TableSource, rule: EventWeights, findings: list[Finding]
) -> Floats | None:
    """Return ratings if the rule uses them, nan for an event without one.

    As in the service, such an event has the weight of its kind.
    """
    if rule.min_rating is None:
        return None
    if "rating" not in frame.columns:
        raise DataError("data.min_rating needs ratings", received=", ".join(frame.columns),
                        remedy="set data.columns.rating")  # fmt: skip
    ratings, more = to_numbers(frame["rating"], source, "rating")
    missing = (source.line(int(row)) for row in ratings.is_null().arg_true())
    remedy = "they have the weight of their kind"
    findings += [*more, *finding_for("warning", "events without a rating", missing, remedy)]
    return ratings.cast(pl.Float32).fill_null(np.nan).to_numpy()


def _factors(frame: pl.DataFrame, source: TableSource, findings: list[Finding]) -> Floats | None:
    """Return the weight column, if there is one."""
    if "weight" not in frame.columns:
        return None
    factors, more = to_numbers(frame["weight"], source, "weight")
    findings += more
    invalid = ~factors.is_finite().fill_null(value=False)
    if invalid.any():
        remedy = "give each event a finite weight"
        raise invalid_cells(frame["weight"], invalid, source, "weight", "not a weight", remedy)
    return factors.cast(pl.Float32).to_numpy()


def _given_split(frame: pl.DataFrame, source: TableSource) -> Codes | None:
    if "split" not in frame.columns:
        return None
    names = to_text(frame["split"])
    code_of = dict(zip(SPLITS, range(3), strict=True))
    codes = names.replace_strict(code_of, default=None, return_dtype=pl.Int8)
    if codes.null_count():
        remedy = f"use {', '.join(SPLITS)}"
        raise invalid_cells(names, codes.is_null(), source, "split", "unknown split", remedy)
    return codes.to_numpy()
