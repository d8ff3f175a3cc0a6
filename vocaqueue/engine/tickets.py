"""Sending tickets: a Celery message that carries a job's id and a number, never items."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from celery import Celery
from celery.exceptions import QueueNotFound
from kombu.exceptions import OperationalError

from ..job import Priority
from ..settings import Settings
from ..store.ledger import Ticket
from .config import broker_priority

log = logging.getLogger(__name__)


def ticket_of(task_id: str) -> tuple[str, int] | None:
    """Job id and number from a message's task id; None for one that is no ticket's."""
    job_id, _, number = task_id.partition("/")
    try:
        return job_id, int(number or 1)
    except ValueError:
        return None


class TicketOffice:
    def __init__(self, app: Celery, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self._unknown_types: set[str] = set()

    def send(self, tickets: Sequence[Ticket]) -> list[tuple[str, int]]:
        """
        Publish tickets.

        Returns:
            (job id, number) of those that have left, to be told to the ledger. One that could not be sent stays in the
            ledger's outbox, and the reconciler sends it.
        """
        sent: list[tuple[str, int]] = []
        if not tickets:
            return sent
        try:
            with self.app.producer_or_acquire() as producer:
                for ticket in tickets:
                    try:
                        self._send(ticket, producer)
                    except QueueNotFound:  # of a type that this process does not know
                        self._say_unknown(ticket)
                    else:
                        sent.append((ticket.job_id, ticket.number))
        except (OperationalError, OSError) as error:
            log.warning(
                "a ticket stays in the outbox", extra={"reason": str(error), "unsent": len(tickets) - len(sent)}
            )
        return sent

    def _say_unknown(self, ticket: Ticket) -> None:
        """Once for each type: its jobs stand still until a process that knows it sends their tickets."""
        if ticket.type not in self._unknown_types:
            self._unknown_types.add(ticket.type)
            log.warning(
                "tickets of %s, such as that of %s, stay in the outbox: this process does not know the type; "
                "restart it with the code and the VOCAQUEUE_JOB_TYPES of the system",
                ticket.type,
                ticket.job_id,
            )

    def _send(self, ticket: Ticket, producer: object) -> None:
        self.app.send_task(
            ticket.type,
            (ticket.job_id, ticket.number),
            task_id=ticket.task_id,
            queue=ticket.type,
            priority=broker_priority(self.settings.broker_url, Priority(ticket.priority)),
            ignore_result=True,
            producer=producer,
            retry=False,
        )
