"""
The relay: a Celery event receiver that puts the life of workers and tasks into the ledger.

Workers that come and go become events of the same stream as the jobs' own; task events go into a short stream beside
it, for `/workers` and a job's timeline. Celery's events are not stored by the broker: what happens while no relay runs
is not told later, and nothing else depends on it. Beside it the process feeds the archive: see `archivist`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..archive.audit import AuditLog
from ..archive.database import Archive
from ..registry import Registry
from ..settings import Settings
from ..store.ledger import Ledger
from ..store.lock import Lock
from ..store.processes import Presence
from .app import create_celery_app
from .archivist import Archivist, Pass
from .audit import AuditPass
from .job_history import JobHistoryPass

log = logging.getLogger(__name__)

SILENT_S = 8.0  #: Celery's workers send a heartbeat every 2 s; one that misses four is offline
TASK_EVENTS_KEPT = 10_000
LOCK_S = 5.0


def archive_passes(ledger: Ledger, archive: Archive) -> dict[str, Pass]:
    """What the archivist does, by name."""
    return {
        "audit": AuditPass(ledger, AuditLog(archive, ledger.settings.namespace)),
        "jobs": JobHistoryPass(ledger, archive),
    }


class Relay:
    def __init__(self, settings: Settings, job_types: Registry) -> None:
        self.ledger = Ledger(settings)
        self.app = create_celery_app(settings, job_types)
        self.lock = Lock(self.ledger, "relay", length_s=LOCK_S)
        self.archive = Archive(settings.database_url)
        self.presence = Presence(self.ledger, "relay")
        self._ours_until = 0.0
        self.archivist = Archivist(
            self.ledger, archive_passes(self.ledger, self.archive), lambda: time.monotonic() < self._ours_until
        )
        self.workers: dict[str, dict[str, Any]] = {}
        self._written: dict[str, float] = {}

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Until told to stop; a broker or ledger that is away is waited for."""
        self.archivist.start()
        while not is_stopping():
            try:
                if self._keep():
                    self._receive(is_stopping)
                else:
                    time.sleep(1.0)
            except Exception as error:
                log.warning("the relay starts again: %s", error)
                time.sleep(1.0)
        self.archivist.stop()
        self.archive.close()
        try:
            self.lock.leave()
            self.presence.leave()
        except Exception as error:
            log.debug("lock not left: %s", error)

    def _receive(self, is_stopping: Callable[[], bool]) -> None:
        self._recall()
        with self.app.connection_for_read() as connection:
            receiver = self.app.events.Receiver(connection, handlers={"*": self.on_event})
            with receiver.consumer_context(wakeup=True) as (conn, _channel, _consumers):
                kept = time.monotonic()
                while not is_stopping():
                    with suppress(TimeoutError):
                        conn.drain_events(timeout=0.5)
                    self.notice_silence()
                    if time.monotonic() - kept > 1.5:
                        kept = time.monotonic()
                        if not self._keep():
                            return

    def _keep(self) -> bool:
        """Take the lock or hold it; answers whether this process is at work."""
        asked = time.monotonic()
        is_ours = self.lock.keep()
        self.presence.say()
        self._ours_until = asked + LOCK_S if is_ours else 0.0
        return is_ours

    def on_event(self, event: dict[str, Any]) -> None:
        group = event["type"].partition("-")[0]
        if group == "worker":
            self._on_worker(event)
        elif group == "task":
            self._on_task(event)

    def notice_silence(self) -> None:
        """Say that workers which were killed are offline."""
        for name, known in list(self.workers.items()):
            if time.time() - known["seen"] > SILENT_S:
                self._offline(name, "silent")

    def _on_worker(self, event: dict[str, Any]) -> None:
        name = event["hostname"]
        if event["type"] == "worker-offline":
            if name in self.workers:
                self._offline(name, "stopped")
            return
        is_new = name not in self.workers
        known = self.workers.setdefault(name, {"since": time.time()})
        # The receiver's clock, so that a worker's wrong one does not make it look dead.
        known |= {
            "seen": time.time(),
            "pid": event.get("pid"),
            "active": event.get("active"),
            "done": event.get("processed"),
        }
        if is_new:
            self.ledger.step("event_add", event="worker-online", data={"worker": name})
        if is_new or time.time() - self._written.get(name, 0) > 4.0:
            self._written[name] = time.time()
            self.ledger.client.hset(self.ledger.keys("workers"), name, json.dumps(known))

    def _offline(self, name: str, why: str) -> None:
        del self.workers[name]
        self.ledger.client.hdel(self.ledger.keys("workers"), name)
        self.ledger.step("event_add", event="worker-offline", data={"worker": name, "reason": why})

    def _on_task(self, event: dict[str, Any]) -> None:
        fields = {
            "event": event["type"],
            "task": event.get("uuid", ""),
            "worker": event.get("hostname", ""),
            "at": str(round(event.get("timestamp", time.time()) * 1000)),
        }
        key = self.ledger.keys("task_events")
        self.ledger.client.xadd(key, fields, maxlen=TASK_EVENTS_KEPT, approximate=True)

    def _recall(self) -> None:
        """Take over what another relay knew, so that a new one does not say again who is online."""
        stored = self.ledger.client.hgetall(self.ledger.keys("workers"))
        self.workers = {name.decode(): json.loads(known) for name, known in stored.items()}
        for known in self.workers.values():
            known["seen"] = time.time()
