"""Metrics in Prometheus' text format: the counters, and gauges of what this worker holds."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from polyrec.database import records
from polyrec.serve.metrics import SHARED
from polyrec.serve.service import Service

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ServiceGauges(Collector):
    """The gauges of one worker's service, read at collection."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Any]:
        """Yield the gauges, those from the database only while it answers."""
        live, model = self._service.live, self._service.live.model
        values = {
            "polyrec_writes_waiting": (
                "Writes waiting for a commit",
                self._service.writer.waiting,
            ),
            "polyrec_histories_held": ("Histories in memory", len(live)),
            "polyrec_history_hits": ("Histories read from memory", live.hits),
            "polyrec_history_misses": ("Histories read from the database", live.misses),
            "polyrec_log_sequence": (
                "The latest change that this worker has applied",
                live.sequence,
            ),
            "polyrec_model_erased_users": (
                "Users of the model erased since its training: a refit is due",
                live.erased_since(model),
            ),
            "polyrec_model_items": ("Items in the model", len(model.ids)),
            "polyrec_model_age_seconds": ("Age of the loaded model", time.time() - model.loaded_at),
        }
        for name, (description, value) in values.items():
            yield GaugeMetricFamily(name, description, value=float(value))
        info = {"version": model.version, "data": model.bundle.fingerprint}
        yield InfoMetricFamily("polyrec_model", "The bundle in service", value=info)
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
    """Return all metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ServiceGauges(service))
    if os.environ.get(SHARED):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)
