"""
The pass that keeps the history of jobs like the ledger.

It reads from the event streams which jobs have changed, then stores what the ledger says of them now. So it does not
matter how often or in which order it hears of a change, and a job that is not there any more goes. Where the streams do
not reach back to where it stopped (it was away for long, the ledger went back, there is no history yet) it walks
through the whole ledger, newest jobs first, and then takes away what that walk did not see.

How far it came is stored in the same transaction as the rows, and compared there: a pass that is late stores nothing.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..archive.cursor import Cursor
from ..archive.database import Archive
from ..archive.items import MERGE_AT, hashes_of
from ..archive.jobs import JobHistory, JobRow
from ..archive.text import TEXT_MOST, spelled
from ..errors import VocaqueueError
from ..store.items import all_ids
from ..store.job_changes import BATCH, BEGIN, JobChanges, Place
from ..store.job_states import JobState, read_states
from ..store.ledger import Ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

FOLLOW = "follow"
WALK_PAGE = 500
SWEPT_AT_ONCE = 500
STORED_EVERY_S = 5.0  #: how far it came, where nothing came of what was read
PARAMS_MOST = TEXT_MOST // 2  #: letters of the parameters that can be searched
SWEEP_EVERY = 10_000  #: passes between two looks for what is left of removed jobs


def cursors(namespace: str) -> tuple[Cursor, Cursor]:
    """Of the streams, and of the walk through the ledger."""
    return Cursor(namespace, "jobs"), Cursor(namespace, "jobs-walk")


class Overtaken(VocaqueueError):
    """Another process was quicker; what this one read is old."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the history stands, as its two cursors have it."""

    place: Place
    walk: int = 0  #: number of the last walk through the ledger
    phase: str = "new"  #: new, walk, sweep, FOLLOW
    below_ms: int | None = None  #: the walk goes on with jobs that were created then or before

    @classmethod
    def read(cls, place: str, walk: str) -> Position:
        if BEGIN in {place, walk}:
            return cls(Place())
        events, progress = place.split()
        number, phase, *below = walk.split()
        return cls(Place(events, progress), int(number), phase, int(below[0]) if below else None)

    @property
    def has_seen_all(self) -> bool:
        """Whether every job was in the history once."""
        return self.walk > 1 or self.phase in {"sweep", FOLLOW}

    def written(self) -> tuple[str, str]:
        below = "" if self.below_ms is None else f" {self.below_ms}"
        return f"{self.place.events} {self.place.progress}", f"{self.walk} {self.phase}{below}"


class JobHistoryPass:
    """One pass a call; answers how much was done, 0 when it is worth a rest before the next."""

    def __init__(self, ledger: Ledger, archive: Archive) -> None:
        self.ledger, self.archive = ledger, archive
        namespace = ledger.settings.namespace
        self.changes, self.history = JobChanges(ledger), JobHistory(namespace)
        self._cursors = cursors(namespace)
        self._ahead: tuple[Position, Place] | None = None  # read since that position, with nothing to store
        self._stored_at = time.monotonic()
        self._unmerged = MERGE_AT  # pieces that were stored since the last merge; at first nobody knows
        self._calls = 0

    def __call__(self) -> int:
        self._tidy()
        with self.archive.reading() as connection:
            position = Position.read(*(cursor.read(connection) for cursor in self._cursors))
        if self._ahead and self._ahead[0] != position:
            self._ahead = None
        match position.phase:
            case "walk":
                return self._walk(position)
            case "sweep":
                return self._sweep(position)
            case "follow":
                place = self._ahead[1] if self._ahead else position.place
                if self.changes.is_complete_after(place):
                    return self._follow(position, place)
        return self._begin_walk(position)

    def _begin_walk(self, position: Position) -> int:
        begun = Position(self.changes.now(), position.walk + 1, "walk")
        log.info("the history of jobs is read from the ledger itself", extra={"walk": begun.walk})
        with self.archive.writing() as connection:
            self._move(connection, position, begun)
        return 1

    def _walk(self, position: Position) -> int:
        job_ids, low = self.changes.walk(position.below_ms, WALK_PAGE)
        after = replace(position, phase="sweep", below_ms=None) if low is None else replace(position, below_ms=low)
        self._store(position, after, job_ids)
        return len(job_ids) + 1

    def _sweep(self, position: Position) -> int:
        with self.archive.writing() as connection:
            swept = self.history.sweep(connection, walk=position.walk, most=SWEPT_AT_ONCE)
            self._move(connection, position, position if swept else replace(position, phase=FOLLOW))
        return swept + 1

    def _follow(self, position: Position, place: Place) -> int:
        changes = self.changes.after(place)
        is_old = changes.place != position.place and time.monotonic() - self._stored_at > STORED_EVERY_S
        if changes.job_ids or is_old:
            self._store(position, replace(position, place=changes.place), changes.job_ids)
            self._stored_at = time.monotonic()
        else:
            self._ahead = (position, changes.place)
        return changes.read if changes.read >= BATCH else 0

    def _store(self, position: Position, after: Position, job_ids: Sequence[str]) -> None:
        """Bring these jobs up to what the ledger has of them now."""
        states = read_states(self.ledger, job_ids)
        with self.archive.reading() as connection:
            known = self.history.known(connection, states)
        items = {job_id: hashes_of(all_ids(self.ledger, job_id)) for job_id in states if job_id not in known}
        rows = [self._row(state) for state in states.values()]
        gone = [job_id for job_id in job_ids if job_id not in states]
        with self.archive.writing() as connection:
            self._move(connection, position, after)
            self.history.store(connection, rows, gone, walk=after.walk, items=items)
        self._unmerged += any(items.values())

    def _move(self, connection: Connection, position: Position, after: Position) -> None:
        """Raises Overtaken, before anything is written, where another process has moved on meanwhile."""
        if Position.read(*(cursor.take(connection) for cursor in self._cursors)) != position:
            raise Overtaken("another process keeps the history of jobs")
        for cursor, text in zip(self._cursors, after.written(), strict=True):
            cursor.move(connection, text)

    def _tidy(self) -> None:
        """Merge the index of items where it is in many pieces; now and then take away those of removed jobs."""
        self._calls += 1
        is_time_to_sweep = self._calls % SWEEP_EVERY == 1
        while self._unmerged >= MERGE_AT or is_time_to_sweep:
            with self.archive.writing() as connection:
                self._cursors[0].take(connection)  # one process at a time
                if is_time_to_sweep:
                    self.history.items.sweep(connection)
                self._unmerged = self._unmerged if self.history.items.merge(connection) else 0
            is_time_to_sweep = False

    def _row(self, state: JobState) -> JobRow:
        job = state.job
        error = job.error or {}
        params = json.dumps(job.params, ensure_ascii=False) if job.params else ""
        failures = dict.fromkeys(
            " ".join(filter(None, (e.item_id, e.item_name, e.code, e.message))) for e in job.progress.errors
        )
        parts = [
            job.id,
            job.name or "",
            *job.labels,
            params[:PARAMS_MOST],
            *error.values(),
            *state.codes,
            *failures,
        ]
        return JobRow(
            id=job.id,
            type=job.type,
            status=job.status.value,
            priority=int(job.priority),
            created_by=job.created_by,
            created_at_ms=job.created_at_ms,
            started_at_ms=job.started_at_ms,
            finished_at_ms=job.finished_at_ms,
            total=job.progress.total,
            completed=job.progress.completed,
            failed=job.progress.failed,
            skipped=job.progress.skipped,
            name=_kept(job.name),
            labels=json.dumps(list(job.labels), ensure_ascii=True) if job.labels else None,
            error_code=_kept(error.get("code")),
            error_message=_kept(error.get("message")),
            text=spelled("\n".join(filter(None, parts)))[:TEXT_MOST],
        )


def _kept(text: str | None) -> str | None:
    """Without what PostgreSQL refuses in a text."""
    return None if text is None else text.encode(errors="replace").decode().replace("\0", "\ufffd")
