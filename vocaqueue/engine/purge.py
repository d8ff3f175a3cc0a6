"""`celery purge`: when a queue is emptied, what waits in the ledger for it is cancelled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..actor import acting, process_actor
from ..registry import Registry
from ..settings import Settings
from ..store.ledger import Ledger, Ticket

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger("vocaqueue.purge")

PER_STEP = 25  #: jobs that one step cancels: about 5 ms of the server
PATIENCE_S = 10.0
MESSAGE = "It waited in a queue that was purged."


class Purge:
    """Empties the queue of a job type in the broker, then cancels its waiting jobs that never began."""

    app: Celery  #: set by whoever makes the app

    def __init__(self, settings: Settings, job_types: Registry) -> None:
        self.settings, self.job_types = settings, job_types
        self._ledger: Ledger | None = None

    def around(self, queue: str, empty_queue: Callable[[], Any]) -> Any:
        """
        Empty a queue, with what belongs to it.

        Broker first, then jobs that were there before: the other order would cancel a job whose ticket survives.

        Returns:
            What the broker says: the number of messages.

        Raises:
            StoreUnavailable: The ledger is away. Before the broker was asked, nothing was purged.
        """
        if queue not in self.job_types.names:
            return empty_queue()
        ledger = self._ledger = self._ledger or Ledger(self.settings)
        before_ms = ledger.patiently(ledger.now_ms, PATIENCE_S)
        messages = empty_queue()
        with acting(process_actor("celery")):
            cancelled = self._cancel(ledger, queue, before_ms)
        log.warning("purged %s: %d waiting job%s cancelled", queue, cancelled, "" if cancelled == 1 else "s")
        return messages

    def _cancel(self, ledger: Ledger, queue: str, before_ms: int) -> int:
        from .tickets import TicketOffice

        cancelled, start = 0, 0
        tickets: list[Ticket] = []
        while True:
            answer = ledger.step(
                "line_purge",
                patience_s=PATIENCE_S,
                type=queue,
                before_ms=before_ms,
                limit=PER_STEP,
                message=MESSAGE,
                first=start,
            )
            cancelled, start = cancelled + int(answer.data["cancelled"]), int(answer.data["first"])
            tickets += answer.tickets
            if answer.state == "done":
                break
        ledger.wait_for_disk()
        if sent := TicketOffice(self.app, self.settings).send(tickets):
            ledger.step("ticket_sent", patience_s=PATIENCE_S, sent=sent)
        return cancelled
