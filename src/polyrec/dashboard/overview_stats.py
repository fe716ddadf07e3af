"""What the overview tells: how much is asked, how fast it is answered, how events change."""

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
class Route:
    """One route's traffic."""

    name: str
    count: int
    median_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Traffic:
    """All routes together, the busiest first."""

    routes: tuple[Route, ...]
    requests: int
    faults: int  # answered with 5xx


def traffic() -> Traffic:
    """Return what was asked since the service started, of all workers."""
    counts: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    requests = faults = 0.0
    for sample in _samples():
        labels = sample.labels
        if sample.name == "polyrec_request_seconds_bucket":
            counts[f"{labels['method']} {labels['route']}"][float(labels["le"])] += sample.value
        elif sample.name == "polyrec_requests_total":
            requests += sample.value
            faults += sample.value * labels["status"].startswith("5")
    routes = [_route(name, buckets) for name, buckets in counts.items()]
    routes = [route for route in routes if route.count and "/api/" in route.name]
    ordered = sorted(routes, key=lambda route: (-route.count, route.name))
    return Traffic(tuple(ordered), int(requests), int(faults))


def events_by_day(connection: Connection, *, now: int) -> list[tuple[str, dict[str, int]]]:
    """Return the feedback of each of the last days by type, oldest day first, with empty days.

    The last day is that of the latest event up to now: data of a year ago are shown, too.
    """
    latest = sa.select(sa.func.max(LOG.c.timestamp)).where(LOG.c.timestamp <= now)
    now = int(connection.scalar(latest.where(LOG.c.action == change_log.FEEDBACK)) or now)
    first = now // _DAY - DAYS + 1
    number = (LOG.c.timestamp // _DAY).label("day")
    query = (
        sa.select(number, LOG.c.feedback_type, sa.func.count())
        .where(LOG.c.action == change_log.FEEDBACK, LOG.c.timestamp >= first * _DAY)
        .where(LOG.c.timestamp <= now)
        .group_by(number, LOG.c.feedback_type)
    )
    found: dict[int, dict[str, int]] = {first + i: {} for i in range(DAYS)}
    for place, kind, count in connection.execute(query):
        found.setdefault(int(place), {})[str(kind)] = int(count)
    return [
        (f"{datetime.fromtimestamp(place * _DAY / 1e6, UTC):%d %b}", kinds)
        for place, kinds in sorted(found.items())
    ]


def drift(days: list[tuple[str, dict[str, int]]]) -> float | None:
    """Return how much the mix of types in the last week differs from the weeks before, 0 to 1.

    Half the sum of differences of shares (total variation); None where a side has no events.

    >>> drift([("1", {"view": 3})] * 7 + [("2", {"like": 3})] * 7)
    1.0
    """
    late, early = _mix(days[-7:]), _mix(days[:-7])
    if not late or not early:
        return None
    kinds = {*late, *early}
    return sum(abs(late.get(kind, 0) - early.get(kind, 0)) for kind in kinds) / 2


def _mix(days: list[tuple[str, dict[str, int]]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for _, kinds in days:
        for kind, count in kinds.items():
            total[kind] += count
    whole = sum(total.values())
    return {kind: count / whole for kind, count in total.items()} if whole else {}


def _route(name: str, buckets: dict[float, float]) -> Route:
    ordered = sorted(buckets.items())
    return Route(name, int(ordered[-1][1]), _quantile(ordered, 0.5), _quantile(ordered, 0.99))


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """Return a quantile in ms from cumulative buckets, linear within one (as Prometheus does)."""
    wanted = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= wanted and count > below:
            if high == float("inf"):
                return 1000 * low
            return 1000 * (low + (high - low) * (wanted - below) / (count - below))
        low, below = high, count
    return 1000 * low


def _samples() -> Iterable[Any]:
    if os.environ.get(SHARED):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return [sample for family in registry.collect() for sample in family.samples]
    families = [*SECONDS.collect(), *REQUESTS.collect()]
    return [sample for family in families for sample in family.samples]
