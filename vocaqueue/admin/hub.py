"""
One reader per process over the event log, and a bounded inbox for each client.

The reader is a thread (under gevent's patches a greenlet), started by the first client. Each event's text is made once.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_sse import Message

from ..errors import JobNotFound
from ..job import JobStatus, iso

if TYPE_CHECKING:
    from ..engine.queue import QueueManager
    from ..store.events import Event

log = logging.getLogger(__name__)

INBOX_SIZE = 1000  #: frames that a client may be behind; at five events a second that is minutes
STATS_EVERY_S = 1.0
READ_MS = 1000
AGAIN_S = 0.5  #: between two tries to reach a job store that is away
JOBS_IN_RESET = 100
ENDS = frozenset({"job-completed", "job-failed", "job-cancelled", "job-removed"})

Order = tuple[int, int]


class Frame(Message):  # type: ignore[misc]
    """A flask-sse message whose text is made once, however many clients get it."""

    def __init__(
        self, name: str, data: Any, event_id: str | None = None, job_id: str | None = None, *, ends: bool = False
    ) -> None:
        super().__init__(json.dumps(data, ensure_ascii=False), type=name, id=event_id)
        self.job_id = job_id
        self.ends = ends or name in ENDS  #: nothing comes after it in the stream of its job
        self.order = order_of(event_id.partition(".")[2]) if event_id else None
        self._text: str = super().__str__()

    def __str__(self) -> str:
        return self._text


def order_of(position: str) -> Order:
    ms, _, number = position.partition("-")
    return int(ms), int(number or 0)


def frame_of(event: Event) -> Frame:
    return Frame(event.name, event.as_dict(), event.id, event.job_id)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream is: the server's run, and the position in it."""

    run: str
    position: str

    @property
    def id(self) -> str:
        return f"{self.run}.{self.position}"


class Inbox:
    """What one client has not been sent yet. One that lets it fill up is cut off; it comes back with its last id."""

    def __init__(self, job_id: str | None) -> None:
        self.job_id = job_id
        self.closed = False
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> bool:
        """Answers whether the client is still followed."""
        if self.job_id not in {None, frame.job_id}:
            return not self.closed
        with self._changed:
            if len(self._frames) >= INBOX_SIZE:
                self.closed = True
                self._frames.clear()
            else:
                self._frames.append(frame)
            self._changed.notify()
            return not self.closed

    def get(self, timeout_s: float) -> Frame | None:
        """The next frame; None when the time is over or the inbox was closed."""
        with self._changed:
            if not self._frames and not self.closed:
                self._changed.wait(timeout_s)
            return self._frames.popleft() if self._frames and not self.closed else None

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify()


class Hub:
    """Feeds the streams of one queue in this process."""

    def __init__(self, queue: QueueManager) -> None:
        self.queue = queue
        self.heartbeat_s = queue.settings.sse_heartbeat_s
        self._inboxes: set[Inbox] = set()
        self._lock = threading.Lock()
        self._stats_lock = threading.Lock()
        self._reader_of: int | None = None  #: the process whose reader runs
        self._closed = threading.Event()
        self._place: Place | None = None  #: None: the job store is away, or was never reached
        self._lost: Place | None = None  #: where the reader was when the job store went away
        self._stats: tuple[float, Frame] | None = None

    @property
    def clients(self) -> int:
        return len(self._inboxes)

    @contextmanager
    def subscribe(self, job_id: str | None = None) -> Iterator[Inbox]:
        """An inbox that gets everything (of one job) from now on."""
        inbox = Inbox(job_id)
        with self._lock:
            if self._reader_of != os.getpid():
                self._reader_of = os.getpid()
                # Taken before the first client is answered: what happens from then on is its to hear.
                with suppress(Exception):  # the reader goes on trying, and says what it met
                    self._place = self.now()
                threading.Thread(target=self._run, daemon=True, name="vocaqueue-streams").start()
            self._inboxes.add(inbox)
            if self._closed.is_set():
                inbox.close()
        try:
            yield inbox
        finally:
            with self._lock:
                self._inboxes.discard(inbox)

    def close(self) -> None:
        """End every stream and the reader."""
        self._closed.set()
        with self._lock:
            for inbox in self._inboxes:
                inbox.close()

    def now(self) -> Place:
        """The present place in the event log. Raises what the client of the job store raises when that is away."""
        events = self.queue.event_log
        return Place(events.server_run(), events.position())

    def stats(self) -> Frame:
        """The counts, at most a second old: one reading per process however many clients connect."""
        with self._stats_lock:
            if self._place is None or self._stats is None or time.monotonic() - self._stats[0] > STATS_EVERY_S:
                self._stats = (time.monotonic(), Frame("queue-stats", self.queue.stats()))
            return self._stats[1]

    def reset(self, job_id: str | None = None) -> Frame:
        """The present state, and the position to go on from; the position is taken first, so nothing falls between."""
        place = self.now()
        state: dict[str, Any] = {"position": place.id}
        ends = False
        if job_id is None:
            active = self.queue.jobs(statuses=[JobStatus.ACTIVE], limit=JOBS_IN_RESET)
            state |= {"stats": self.queue.stats(), "jobs": [job.as_dict() for job in active.items]}
        else:
            job = self.queue.get(job_id).record
            state["job"], ends = job.as_dict(), job.status.is_final
        return Frame("reset", state, place.id, job_id, ends=ends)

    def _run(self) -> None:
        due: float | None = None  #: when the counts are to be sent, once something changed
        while not self._closed.is_set():
            try:
                if self._place is None:
                    self._reach()
                    due = time.monotonic()
                due = self._read(due)
            except Exception as error:
                # Of whatever kind: a reader that ended would leave every client without a word.
                if self._place is not None:
                    log.warning("no events for the moment", extra={"reason": str(error)})
                    self._tell(Frame("store-away", {"message": "The job store does not answer; what is shown is old."}))
                self._lost, self._place = self._place or self._lost, None
                self._closed.wait(AGAIN_S)

    def _reach(self) -> None:
        now, before = self.now(), self._lost
        if before is not None and before.run == now.run and order_of(before.position) <= order_of(now.position):
            self._place = before  # the line broke, the server did not: go on where we were
            self._tell(Frame("store-back", {}))
        else:
            # Another run may have forgotten the last second, so what clients were told may not be so any more; and who
            # came while the job store was away was told nothing yet.
            self._tell(Frame("store-back", {}))
            for inbox in self._all():
                self._hand(inbox, self._reset_for(inbox))
            self._place = now
        self._lost = None

    def _reset_for(self, inbox: Inbox) -> Frame:
        try:
            return self.reset(inbox.job_id)
        except JobNotFound:
            place = self.now()
            return Frame("reset", {"position": place.id, "job": None}, place.id, inbox.job_id, ends=True)

    def _read(self, due: float | None) -> float | None:
        place = self._place
        if place is None:
            return due
        wait_ms = READ_MS if due is None else max(1, min(READ_MS, round((due - time.monotonic()) * 1000)))
        batch = self.queue.event_log.read(place.position, place.run, block_ms=wait_ms)
        if batch:
            self._place = Place(place.run, batch[-1].id.partition(".")[2])
            if self._inboxes:
                for event in batch:
                    self._tell(frame_of(event))
                if changed := [event for event in batch if event.name == "jobs-changed"]:
                    self._tell_of_removed(changed[-1])
            last = self._stats[0] if self._stats else 0.0
            due = due if due is not None else max(time.monotonic(), last + STATS_EVERY_S)
        if due is not None and time.monotonic() >= due:
            if any(inbox.job_id is None for inbox in self._all()):
                with self._stats_lock:
                    self._stats = (time.monotonic(), Frame("queue-stats", self.queue.stats()))
                self._tell(self._stats[1])
            due = None
        return due

    def _tell_of_removed(self, event: Event) -> None:
        """A bulk act has one event for all its jobs; whoever follows a single one hears that it is gone."""
        followed = {inbox.job_id for inbox in self._all()} - {None}
        there = self.queue.present([job_id for job_id in followed if job_id]) if followed else set()
        for job_id in followed - there:
            data = {"jobId": job_id, "timestamp": iso(event.at_ms)}
            self._tell_one(Frame("job-removed", data, event.id, job_id))

    def _tell_one(self, frame: Frame) -> None:
        for inbox in self._all():
            if inbox.job_id is not None:
                self._hand(inbox, frame)

    def _all(self) -> list[Inbox]:
        with self._lock:
            return list(self._inboxes)

    def _tell(self, frame: Frame) -> None:
        for inbox in self._all():
            self._hand(inbox, frame)

    def _hand(self, inbox: Inbox, frame: Frame) -> None:
        if not inbox.put(frame):
            with self._lock:
                self._inboxes.discard(inbox)
