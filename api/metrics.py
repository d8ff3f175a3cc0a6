"""`/metrics`: Prometheus' text, by key. The job store's counts are read on demand; calls are counted here."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from vocaqueue import QueueManager
from vocaqueue.admin import AdminBlueprint, Authorize, GuardedBlueprint
from vocaqueue.admin.answers import media
from vocaqueue.admin.operation import CHANGES
from vocaqueue.engine.health import WORKER_SILENT_S
from vocaqueue.job import JobStatus
from vocaqueue.store.processes import read_processes

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", *CHANGES})


class System(Collector):
    """What the job store and the streams of this process know now."""

    def __init__(self, queue: QueueManager, admin: AdminBlueprint) -> None:
        self.queue, self.admin = queue, admin

    def describe(self) -> list[Metric]:
        """Nothing: the job store may be away when the application is made."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Raises StoreUnavailable."""
        yield from self._types()
        yield from self._processes()
        hub, places = self.admin.hub, self.admin.places
        yield GaugeMetricFamily("vocaqueue_streams", "Open streams of this process.", hub.clients)
        yield GaugeMetricFamily("vocaqueue_stream_places", "Streams and waiting calls that there may be.", places.total)
        yield CounterMetricFamily("vocaqueue_stream_cut_off", "Streams cut off for not being read.", hub.cut_off)
        yield CounterMetricFamily("vocaqueue_stream_refused", "Streams and waits without a place.", places.refused)

    def _types(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("vocaqueue_jobs", "Jobs by type and status.", labels=["type", "status"])
        waiting = GaugeMetricFamily("vocaqueue_items_waiting", "Items of unended jobs not settled.", labels=["type"])
        rate = GaugeMetricFamily("vocaqueue_items_per_second", "Items settled per second.", labels=["type"])
        slots = GaugeMetricFamily("vocaqueue_slots", "Slots of live workers.", labels=["type"])
        for name, of_type in self.queue.stats()["types"].items():
            for status in JobStatus:
                jobs.add_metric([name, status.value], of_type[status.value])
            waiting.add_metric([name], of_type["itemsWaiting"])
            rate.add_metric([name], of_type["itemsPerSecond"])
        for name, workers in self.queue.slots().items():
            slots.add_metric([name], sum(count for count, age_s in workers.values() if age_s < WORKER_SILENT_S))
        yield from (jobs, waiting, rate, slots)

    def _processes(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            "vocaqueue_process_age_seconds", "Since a process last said that it is there.", labels=["kind", "process"]
        )
        for process in read_processes(self.queue.ledger, self.queue.patience_s):
            if process.is_there:
                age.add_metric([process.kind, process.name], process.age_s)
        yield age


def create_blueprint(app: Flask, queue: QueueManager, admin: AdminBlueprint, authorize: Authorize) -> Blueprint:
    """`/metrics`, and the clock around every request of the application."""
    registry = CollectorRegistry()
    registry.register(System(queue, admin))
    taken = Histogram(
        "vocaqueue_http_seconds",
        "Time until a call was answered; of a stream until it began.",
        ["method", "route", "status"],
        buckets=BUCKETS_S,
        registry=registry,
    )

    @app.before_request
    def begin() -> None:
        g.vocaqueue_began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        began = g.get("vocaqueue_began")
        if began is not None and "/wait" not in request.path:  # how long that takes is the caller's wish
            # Not the path, nor any method: whoever asks for nonsense must not make a new row with each call.
            route = request.url_rule.rule if request.url_rule else "none"
            method = request.method if request.method in METHODS else "other"
            taken.labels(method, route, response.status_code).observe(time.perf_counter() - began)
        return response

    blueprint = GuardedBlueprint("metrics", __name__, authorize=authorize)

    @blueprint.get("/metrics", role="viewer", answer=media("text/plain"))
    def metrics() -> Response:
        """Prometheus' text: jobs, items that wait, slots, streams, and how long calls take in this process."""
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return blueprint
