"""Tickets for another version of the code: a type, or a job of a schema, that this worker does not know."""

from __future__ import annotations

import logging
from uuid import uuid4

from ..settings import Settings
from ..store.client import make_client
from ..store.ledger import Ledger

log = logging.getLogger(__name__)

PATIENCE_S = 0.5
READ_TIMEOUT_S = 1.0  #: it is called from a worker's main process


class Postponer:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger: Ledger | None = None

    def postpone(self, job_id: str, number: int, type_name: str) -> bool:
        """
        Let a ticket of a type that is not known here come again after a while.

        Answers whether there is such a job of that type. Raises StoreUnavailable.
        """
        if self._ledger is None:
            self._ledger = Ledger(self.settings, make_client(self.settings.redis_url, read_timeout_s=READ_TIMEOUT_S))
        answer = self._ledger.step(
            "ticket_postpone",
            patience_s=PATIENCE_S,
            token=uuid4().hex,
            job=job_id,
            ticket=number,
            type=type_name,
            reason="unknown_type",
            message=f"A worker of its queue does not know the type {type_name}; it waits for one that does.",
        )
        if answer.data.get("first"):
            log.warning("job %s waits: this worker does not know the type %s", job_id, type_name)
        return answer.state == "postponed"
