"""Counters and histograms for Prometheus, summed over the workers of a service."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the workers' common folder; `run` sets it."""

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

SECONDS = Histogram(
    "polyrec_request_seconds", "Time to answer", ["method", "route"], buckets=_BUCKETS
)
REQUESTS = Counter("polyrec_requests", "Requests answered", ["method", "route", "status"])
REFUSED = Counter("polyrec_refused", "Requests turned away by keys, rates or load", ["status"])
LISTS = Counter("polyrec_lists", "Lists by the source that began them", ["source"])
