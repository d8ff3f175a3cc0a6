"""Lists of jobs: from the ledger's own indexes where these suffice, else found in the archive's history of jobs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..archive.search import Found, JobSearch, Search
from ..errors import Detail, HistoryUnavailable, InvalidParams
from ..flights import Flights
from ..job import NEWEST_FIRST, SORTS, JobRecord, JobStatus, Priority
from ..store.job_changes import JobChanges
from ..store.jobs import JobPage
from .base import QueueBase
from .job_history import FOLLOW, Position, cursors

BEHIND_MOST_S = 60.0  #: a history that is further behind is not asked: what it does not know would seem not to exist


#: Questions to the archive at one time; with more than there are processors each of them only takes longer.
AT_ONCE = max(2, os.cpu_count() or 1)
WAIT_MOST_S = 10.0  #: for a place among these


class Finding(QueueBase):
    """How a QueueManager lists jobs."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._flights: Flights[tuple[Position, Found]] = Flights()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def jobs(
        self,
        *,
        types: Sequence[str] = (),
        statuses: Sequence[str | JobStatus] = (),
        q: str | None = None,
        item_id: str | None = None,
        created_by: str | None = None,
        priorities: Sequence[str | int | Priority] = (),
        failures: bool | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        finished_after: datetime | None = None,
        finished_before: datetime | None = None,
        sort: str = NEWEST_FIRST,
        page: int = 1,
        limit: int = 20,
    ) -> JobPage:
        """
        A page of the jobs that fit everything given, newest first unless sorted otherwise.

        Args:
            q: Words that are all in its id, name, labels, parameters or failures; each may be a part of a word.
            item_id: It has this item. Jobs whose type plans its items are not found by it.
            failures: Whether items of it failed.
            created_after: Then or later; `…_before`: earlier. With a time zone.
            sort: createdAt, startedAt, finishedAt, priority (critical is the smallest) or name; `-`: the largest first.

        Raises:
            UnknownType, InvalidParams, ValueError: A value that does not exist or makes no sense.
            ArchiveUnavailable: Of anything but types, statuses and the default order, while the archive is away or has
                not caught up with the ledger.
        """
        for name in types:
            self.job_types.get(name)
        wanted = [JobStatus(status) for status in statuses]
        search = JobSearch(
            types=tuple(types),
            priorities=_numbers(priorities),
            created_by=created_by,
            text=q if q and q.strip() else None,
            item_id=item_id,
            has_failures=failures,
            created_from_ms=_ms("createdAfter", created_after),
            created_before_ms=_ms("createdBefore", created_before),
            finished_from_ms=_ms("finishedAfter", finished_after),
            finished_before_ms=_ms("finishedBefore", finished_before),
            sort=_known(sort),
        )
        if search == JobSearch(types=tuple(types)):
            return self._jobs.page(types=types, statuses=wanted, page=page, limit=limit)
        gates = self._jobs.gates()
        if wanted:
            search = replace(search, statuses=tuple(self._jobs.seen_as(wanted, types, gates)))
        position, found = self._flights.share((search, page, limit), lambda: self._find(search, page, limit))
        self._check(position)
        return JobPage(self._jobs.listed(found.ids, gates, _fits(search)), page, limit, found.total)

    def _find(self, search: JobSearch, page: int, limit: int) -> tuple[Position, Found]:
        if not self._places.acquire(timeout=WAIT_MOST_S):
            raise HistoryUnavailable("too many lists are being looked for; ask again")
        try:
            found: tuple[Position, Found] = self.aside(self._ask_history, search, page, limit)
        finally:
            self._places.release()
        return found

    def _ask_history(self, search: JobSearch, page: int, limit: int) -> tuple[Position, Found]:
        namespace = self.settings.namespace
        with self._archive.reading() as connection:
            position = Position.read(*(cursor.read(connection) for cursor in cursors(namespace)))
            return position, Search(namespace).page(connection, search, page=page, limit=limit)

    def _check(self, position: Position) -> None:
        """Raises ArchiveUnavailable where what was found says too little of what there is."""
        if not position.has_seen_all:
            raise HistoryUnavailable("their history is still being made, which the relay does")
        behind_s = JobChanges(self.ledger, self.patience_s).behind_ms(position.place) / 1000
        if position.phase == FOLLOW and behind_s > BEHIND_MOST_S:
            raise HistoryUnavailable(f"their history is {behind_s:.0f} s behind; the relay brings it up to date")


def _fits(search: JobSearch) -> Callable[[JobRecord], bool]:
    """Whether a job, as the ledger has it, is still what was looked for a moment ago in the archive."""

    def fits(job: JobRecord) -> bool:
        return (
            (search.statuses is None or any(job.status == s and t in {None, job.type} for t, s in search.statuses))
            and (not search.priorities or int(job.priority) in search.priorities)
            and (search.has_failures is None or search.has_failures == (job.progress.failed > 0))
        )

    return fits


def _numbers(priorities: Sequence[str | int | Priority]) -> tuple[int, ...]:
    try:
        return tuple(int(Priority.parse(priority)) for priority in priorities)
    except ValueError as error:
        raise InvalidParams(f"{error}.", [Detail("priority", "unknown", str(error))]) from None


def _ms(field: str, time: datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        message = f"{field} needs a time zone, such as 2030-01-31T09:00:00Z."
        raise InvalidParams(message, [Detail(field, "no_time_zone", message)])
    return round(time.timestamp() * 1000)


def _known(sort: str) -> str:
    if sort.removeprefix("-") in SORTS:
        return sort
    message = f"sort must be among {', '.join(SORTS)}, with “-” before it for the largest first; “{sort}” is not."
    raise InvalidParams(message, [Detail("sort", "unknown", message)])
