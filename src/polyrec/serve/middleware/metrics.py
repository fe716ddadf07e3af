"""Figures for Prometheus: what was asked, how long it took, what waits, how old the model is.

Counters and histograms are summed over workers (`PROMETHEUS_MULTIPROC_DIR`, set by `run`); what
stands below `State` is what the answering worker sees.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from polyrec.database import records

if TYPE_CHECKING:
    from polyrec.serve.service import Service  # which counts with these figures itself

SHARED = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

SECONDS = Histogram(
    "polyrec_request_seconds", "Time to answer", ["method", "route"], buckets=_BUCKETS
)
REQUESTS = Counter("polyrec_requests", "Requests answered", ["method", "route", "status"])
REFUSED = Counter("polyrec_refused", "Requests turned away by keys, rates or load", ["status"])
LISTS = Counter("polyrec_lists", "Lists by the source that began them", ["source"])


class State(Collector):
    """What a service holds at the moment."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Any]:
        """Yield the gauges; those of the database are left out while it does not answer."""
        live, model = self._service.live, self._service.live.model
        plain = {
            "polyrec_writes_waiting": (
                "Writes that wait for a commit",
                self._service.writer.waiting,
            ),
            "polyrec_histories_held": ("Histories held in memory", len(live)),
            "polyrec_history_hits": ("Histories found in memory", live.hits),
            "polyrec_history_misses": ("Histories read from the database", live.misses),
            "polyrec_log_sequence": (
                "The newest change that this worker has applied",
                live.sequence,
            ),
            "polyrec_model_erased_users": (
                "Users erased since the model was trained: a refit is due",
                live.erased_since(model),
            ),
            "polyrec_model_items": ("Items that the model knows", len(model.ids)),
            "polyrec_model_age_seconds": ("Since the model was loaded", time.time() - model.loaded),
        }
        for name, (meaning, value) in plain.items():
            yield GaugeMetricFamily(name, meaning, value=float(value))
        told = {"version": model.version, "data": model.bundle.fingerprint}
        yield InfoMetricFamily("polyrec_model", "The bundle that answers", value=told)
        try:
            yield self._items()
        except sa.exc.SQLAlchemyError:
            return

    def _items(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily("polyrec_items", "Items by status", labels=["status"])
        with self._service.database.read() as connection:
            for status, count in records.count_by_status(connection).items():
                family.add_metric([status], float(count))
        return family


def exposition(service: Service) -> bytes:
    """Return all figures in Prometheus' text form."""
    registry = CollectorRegistry()
    registry.register(State(service))
    if os.environ.get(SHARED):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)
