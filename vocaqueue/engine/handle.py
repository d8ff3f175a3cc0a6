"""A job in the caller's hand: what was read of it, and waiting for its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import JobCancelled, JobFailed, StoreUnavailable
from ..job import JobRecord, JobStatus
from ..store.item_states import ItemPage, ItemState, ItemStatus
from ..store.keys import LOG_LINES_KEPT
from ..store.logs import LogLine
from ..store.timeline import Timeline

if TYPE_CHECKING:
    from .queue import QueueManager


class Job:
    """A job as it was when it was read; `refresh` reads it again."""

    def __init__(self, queue: QueueManager, record: JobRecord) -> None:
        self.queue, self.record = queue, record

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)

    def __repr__(self) -> str:
        return f"<Job {self.record.id} {self.record.status.value} {self.record.progress.percent} %>"

    def refresh(self) -> Job:
        self.record = self.queue.get(self.record.id).record
        return self

    def logs(self, after: int = 0, limit: int = LOG_LINES_KEPT) -> list[LogLine]:
        """What its handler said: the lines after the one of that number, oldest first; the last 10,000 are kept."""
        return self.queue.logs(self.record.id, after=after, limit=limit).lines

    def items(self, statuses: Sequence[str | ItemStatus] = (), page: int = 1, limit: int = 100) -> ItemPage:
        """A page of its items with their states, by position; see `QueueManager.items`."""
        return self.queue.items(self.record.id, statuses=statuses, page=page, limit=limit)

    def errors(self) -> Iterator[ItemState]:
        """Every failed item by position, read as it is asked for; see `QueueManager.errors`."""
        return self.queue.errors(self.record.id)

    def timeline(self) -> Timeline:
        """What befell it, oldest first, and what of it is not known any more."""
        return self.queue.timeline(self.record.id)

    def wait(self, timeout: float | None = None) -> dict[str, Any] | None:
        """
        Wait until the job has ended; answers its result.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            JobFailed, JobCancelled: It ended like that.
            JobNotFound: It was removed.
            TimeoutError: It goes on.
        """
        self.wait_until_ended(timeout)
        job = self.record
        if job.status is JobStatus.FAILED:
            raise JobFailed(self, (job.error or {}).get("message", "The job failed."))
        if job.status is JobStatus.CANCELLED:
            raise JobCancelled(self, f"Job “{job.id}” was cancelled.")
        if not job.status.is_final:
            raise TimeoutError(f"Job “{job.id}” is {job.status.value} after {timeout:g} s; it goes on.")
        return job.result

    def wait_until_ended(self, timeout: float | None) -> Job:
        """Like `wait`, but answers the job in whatever state it is when it ends or the time is over."""
        log_, until = self.queue.event_log, None if timeout is None else time.monotonic() + timeout
        patience_s = self.queue.patience_s
        at, run = self.queue.ledger.patiently(lambda: (log_.position(), log_.server_run()), patience_s)
        self.refresh()
        while not self.record.status.is_final:
            left = 1.0 if until is None else until - time.monotonic()
            if left <= 0:
                break
            try:
                batch = log_.read(at, run, block_ms=max(1, round(min(left, 1.0) * 1000)))
            except StoreUnavailable:  # `refresh` below says so after its patience
                time.sleep(min(left, 0.5))
                batch = []
            if batch:
                at = batch[-1].id.partition(".")[2]
            # A bulk act that removes jobs has one event for all of them.
            if not batch or any(e.job_id == self.record.id or e.name == "jobs-changed" for e in batch):
                self.refresh()
        return self
