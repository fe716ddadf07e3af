"""Statistics of the overview: requests, latency, events per day."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, multiprocess
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.tables import LOG
from polyrec.serve.metrics import REQUESTS, SECONDS, SHARED

_DAY = 86_400_000_000  # microseconds
DAYS = 28


@dataclass(frozen=True)
class RouteStats:
    """Requests and latency of one route."""

    name: str
    count: int
    median_ms: float
    p99_ms: float


@dataclass(frozen=True)
class RequestStats:
    """Requests of the service, the busiest route first."""

    routes: tuple[RouteStats, ...]
    requests: int
    errors: int  # answered with 5xx


def request_stats() -> RequestStats:
    """Return the requests of all workers since the service started."""
    buckets: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    requests = errors = 0.0
    for sample in _samples():
        labels = sample.labels
        if sample.name == "polyrec_request_seconds_bucket":
            buckets[f"{labels['method']} {labels['route']}"][float(labels["le"])] += sample.value
        elif sample.name == "polyrec_requests_total":
            requests += sample.value
            errors += sample.value * labels["status"].startswith("5")
    routes = [_route_stats(name, counts) for name, counts in buckets.items()]
    routes = [route for route in routes if route.count and "/api/" in route.name]
    ordered = sorted(routes, key=lambda route: (-route.count, route.name))
    return RequestStats(tuple(ordered), int(requests), int(errors))


def events_by_day(connection: Connection, *, now: int) -> list[tuple[str, dict[str, int]]]:
    """Return day and feedback type -> count for the last 28 days, oldest first, with empty days.

    The last day is that of the latest event up to `now`, so that old data are shown, too.
    """
    latest = sa.select(sa.func.max(LOG.c.timestamp)).where(LOG.c.timestamp <= now)
    now = int(connection.scalar(latest.where(LOG.c.action == change_log.FEEDBACK)) or now)
    first = now // _DAY - DAYS + 1
    day_number = (LOG.c.timestamp // _DAY).label("day")
    query = (
        sa.select(day_number, LOG.c.feedback_type, sa.func.count())
        .where(LOG.c.action == change_log.FEEDBACK, LOG.c.timestamp >= first * _DAY)
        .where(LOG.c.timestamp <= now)
        .group_by(day_number, LOG.c.feedback_type)
    )
    days: dict[int, dict[str, int]] = {first + i: {} for i in range(DAYS)}
    for day, kind, count in connection.execute(query):
        days.setdefault(int(day), {})[str(kind)] = int(count)
    return [
        (f"{datetime.fromtimestamp(day * _DAY / 1e6, UTC):%d %b}", counts)
        for day, counts in sorted(days.items())
    ]


def event_type_drift(days: list[tuple[str, dict[str, int]]]) -> float | None:
    """Return the total variation distance of event types, last week against the weeks before, 0..1.

    It is half the sum of the absolute differences of shares; None if either has no events.

    >>> event_type_drift([("1", {"view": 3})] * 7 + [("2", {"like": 3})] * 7)
    1.0
    """
    last_week, before = _type_shares(days[-7:]), _type_shares(days[:-7])
    if not last_week or not before:
        return None
    kinds = {*last_week, *before}
    return sum(abs(last_week.get(kind, 0) - before.get(kind, 0)) for kind in kinds) / 2


def _type_shares(days: list[tuple[str, dict[str, int]]]) -> dict[str, float]:
    counts: dict[str, float] = defaultdict(float)
    for _, kinds in days:
        for kind, count in kinds.items():
            counts[kind] += count
    total = sum(counts.values())
    return {kind: count / total for kind, count in counts.items()} if total else {}


def _route_stats(name: str, buckets: dict[float, float]) -> RouteStats:
    ordered = sorted(buckets.items())
    return RouteStats(
        name, int(ordered[-1][1]), _quantile_ms(ordered, 0.5), _quantile_ms(ordered, 0.99)
    )


def _quantile_ms(buckets: list[tuple[float, float]], share: float) -> float:
    """Return a quantile in ms from cumulative buckets, interpolated linearly as in Prometheus."""
    rank = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= rank and count > below:
            if high == float("inf"):
                return 1000 * low
            return 1000 * (low + (high - low) * (rank - below) / (count - below))
        low, below = high, count
    return 1000 * low


def _samples() -> Iterable[Any]:
    if os.environ.get(SHARED):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return [sample for family in registry.collect() for sample in family.samples]
    families = [*SECONDS.collect(), *REQUESTS.collect()]
    return [sample for family in families for sample in family.samples]
