"""What every part of the QueueManager stands on: the ledger, the tickets' office, the bin."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from ..archive.bin import Bin
from ..archive.database import Archive
from ..errors import StoreUnavailable
from ..files import FileStore
from ..registry import JobType, Registry
from ..secrets import SecretBox
from ..settings import Settings, secret_key
from ..store.counts import CountHistory
from ..store.events import EventLog
from ..store.jobs import Jobs
from ..store.ledger import Answer, Ledger
from .app import create_celery_app
from .handle import Job
from .removal import Removal
from .tickets import TicketOffice

if TYPE_CHECKING:
    from .queue import QueueManager

log = logging.getLogger(__name__)


class QueueBase:
    """One system, as a client of it."""

    def __init__(self, settings: Settings, job_types: Registry | Iterable[JobType], *, patience_s: float = 2.0) -> None:
        self.settings = settings
        self.job_types = job_types if isinstance(job_types, Registry) else Registry(job_types)
        self.patience_s = patience_s
        self.ledger = Ledger(settings)
        self.files = FileStore.from_url(settings.storage_url)
        self.secrets = SecretBox(secret_key)
        self._jobs = Jobs(self.ledger, patience_s)
        self._counts = CountHistory(self.ledger, patience_s)
        self._office = TicketOffice(create_celery_app(settings, self.job_types), settings)
        self._archive = Archive(settings.database_url)
        self._removal = Removal(
            self.ledger,
            Bin(self._archive, settings.namespace),
            self.files,
            send=self.send,
            aside=self.aside,
            patience_s=patience_s,
        )

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        return Job(cast("QueueManager", self), self._jobs.get(job_id))

    @property
    def archive(self) -> Archive:
        return self._archive

    @property
    def event_log(self) -> EventLog:
        return EventLog(self.ledger)

    def act(self, step: str, **arguments: Any) -> Answer:
        """Make a step of the ledger that must outlive a power cut, and send its tickets."""
        answer = self.ledger.step(step, patience_s=self.patience_s, **arguments)
        self.ledger.wait_for_disk()
        self.send(answer)
        return answer

    def broker_connection(self) -> Any:
        """A new connection to the broker, to be closed after use."""
        return self._office.app.connection_for_write(connect_timeout=2)

    def ask_archive(self) -> None:
        """Raises where the archive's database does not answer."""
        with self._archive.reading() as connection:
            connection.exec_driver_sql("SELECT 1")

    def aside(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run what blocks: the bin's database, files. A server with a loop of its own puts it elsewhere."""
        return call(*arguments, **options)

    def now_ms(self) -> int:
        """By the server's clock."""
        now: int = self.ledger.patiently(self.ledger.now_ms, self.patience_s)
        return now

    def send(self, answer: Answer) -> None:
        """Send the tickets that a step gave."""
        if sent := self._office.send(answer.tickets):
            try:
                self.ledger.step("ticket_sent", patience_s=self.patience_s, sent=sent)
            except StoreUnavailable:  # it stays in the outbox and is sent once more; a double is harmless
                log.info("a sent ticket could not be told to the ledger")
