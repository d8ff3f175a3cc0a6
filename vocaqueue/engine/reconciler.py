"""
Makes good whatever was lost, and does what time brings: leases that ran out, deadlines, retries and delays due, tickets
that nobody sent or that the broker lost, last words on progress.

Any number of copies may run; one is at work. Each pass is "Lua decides, then send", so two at once would do no harm.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ..errors import StoreUnavailable
from ..job import Priority
from ..registry import Registry
from ..settings import Settings
from ..store.ledger import Answer, Ledger
from ..store.lock import Lock
from ..store.processes import Presence
from .app import create_celery_app
from .broker import AmqpBroker, RedisBroker
from .housekeeping import Housekeeping
from .tickets import TicketOffice

log = logging.getLogger(__name__)

EVERY_S = 1.0
LIMITS_EVERY_S = 0.2  #: permits are granted a second ahead, so that this leaves no gap
PER_PASS = 100
REST_MS = 5000  #: a job with nothing to do but wait for a retry is shown as delayed after that
OUTBOX_AGE_MS = 2000  #: by then whoever got the ticket should have said that it was sent
MISSING_MS = 2000
#: RabbitMQ's queues cannot be listed: while one is too short, each ticket unused for so long is sent again, doubling.
UNSEEN_MS = 5000


class Reconciler:
    def __init__(self, settings: Settings, job_types: Registry) -> None:
        self.settings = settings
        self.job_types = job_types
        self.ledger = Ledger(settings)
        app = create_celery_app(settings, job_types)
        self.office = TicketOffice(app, settings)
        self.broker = RedisBroker.of(app, settings)
        self.amqp = AmqpBroker(app)
        self.lock = Lock(self.ledger, "reconciler", length_s=5.0)
        self.presence = Presence(self.ledger, "reconciler")
        self._is_at_work = False  #: of several copies it is this one's turn
        self._short: set[str] = set()  #: lines whose broker list was too short in the last pass

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """One pass a second until told to stop; a server that is away is waited for."""
        away = False
        keeper = threading.Thread(
            target=Housekeeping(self.settings, self.job_types).run,
            args=(is_stopping, lambda: self._is_at_work),
            daemon=True,
            name="vocaqueue-housekeeping",
        )
        keeper.start()
        while not is_stopping():
            began = time.monotonic()
            try:
                self._is_at_work = self.lock.keep()
                self.presence.say()
                if self._is_at_work:
                    self.once()
                if away:
                    log.info("the job store is back")
                away = False
            except Exception as error:
                if not away or not isinstance(error, StoreUnavailable | OSError):
                    log.warning("a pass of the reconciler failed: %s", error)
                away = True
            while not is_stopping() and time.monotonic() - began < EVERY_S:
                time.sleep(LIMITS_EVERY_S)
                if self._is_at_work and not away:
                    with suppress(Exception):  # the next pass makes the same step, and says why
                        self.wake_limited()
        keeper.join(timeout=2.0)
        if not away:
            self.lock.leave()
            self.presence.leave()

    def once(self) -> None:
        self.reap()
        self.stop_overdue()
        self.wake()
        self.wake_limited(everybody=True)
        self.resend()
        self.flush_progress()

    def reap(self) -> int:
        """Give the work of silent leases back to their jobs. Answers how many there were."""
        answer = self._step("lease_reap", gap_ms=round(self.settings.reaper_gap_s * 1000))
        if answer.data["reaped"]:
            log.info("leases ran out", extra={"reaped": answer.data["reaped"]})
        return int(answer.data["reaped"])

    def stop_overdue(self) -> int:
        """Stop jobs whose deadline has passed. Answers how many."""
        return int(self._step("job_overdue").data["stopped"])

    def wake(self) -> int:
        """Give jobs whose time has come their ticket. Answers how many were touched."""
        return int(self._step("job_wake", rest_ms=REST_MS).data["woken"])

    def wake_limited(self, *, everybody: bool = False) -> None:
        """Give jobs that waited for a rate their ticket, as many as may run by now; `everybody`: for a cap too."""
        self._step("limits_wake", all=everybody or None)

    def resend(self) -> int:
        """Send what was not sent, and what the broker seems to have lost. Answers how many tickets left."""
        missing = [ticket for line in self._lines() for ticket in self._missing(*line)]
        wait_ms = MISSING_MS if self.broker else UNSEEN_MS
        answer = self._step("ticket_resend", age_ms=OUTBOX_AGE_MS, missing=missing or None, missing_ms=wait_ms)
        return len(answer.tickets)

    def flush_progress(self) -> None:
        self._step("progress_flush")

    def _step(self, name: str, **arguments: Any) -> Answer:
        answer = self.ledger.step(name, limit=PER_PASS, **arguments)
        if sent := self.office.send(answer.tickets):
            self.ledger.step("ticket_sent", sent=sent)
        return answer

    def _lines(self) -> list[tuple[str, Priority]]:
        names = [name.decode() for name in self.ledger.client.smembers(self.ledger.keys("lines"))]
        return [(kind, Priority(int(number))) for kind, _, number in (name.rpartition(":") for name in names)]

    def _missing(self, queue: str, priority: Priority) -> Sequence[tuple[str, int]]:
        """
        Tickets that the ledger takes for sent and unused, and that the broker does not have.

        The lists are compared by length first; only what is short in two passes is looked at closely. `ticket_resend`
        sends none again that was sent a moment ago: it may be in a worker's hand.
        """
        name = f"{queue}:{int(priority)}"
        key = self.ledger.keys("sent", name)
        expected = int(self.ledger.client.zcard(key))
        if not expected:
            self._short.discard(name)
            return []
        if self._is_long_enough(queue, priority, expected):
            self._short.discard(name)
            return []
        if name not in self._short:
            self._short.add(name)
            return []
        there = set(self.broker.tickets(queue, priority)) if self.broker else set()
        jobs = [job.decode() for job in self.ledger.client.zrange(key, 0, PER_PASS - 1)]
        pipe = self.ledger.client.pipeline(transaction=False)
        for job in jobs:
            pipe.hget(self.ledger.keys("job", job), "line")
        numbers = [(job, int(line)) for job, line in zip(jobs, pipe.execute(), strict=True) if line]
        return [ticket for ticket in numbers if ticket not in there]

    def _is_long_enough(self, queue: str, priority: Priority, expected: int) -> bool:
        """Whether the broker has as many messages as tickets are expected in it."""
        if self.broker is not None:
            return self.broker.length(queue, priority) >= expected
        keys = [self.ledger.keys("sent", f"{queue}:{int(level)}") for level in Priority]
        return self.amqp.length(queue) >= sum(int(self.ledger.client.zcard(key)) for key in keys)
