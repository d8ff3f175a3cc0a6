"""
One reader per process over the event log, and a bounded inbox for each client.

The reader is a thread (under gevent's patches a greenlet), started by the first client. It keeps the last events, so
that clients that come back after a short while cost the job store nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import JobNotFound
from ..job import JobRecord, JobStatus, iso
from .frames import Frame, Order, Place, frame_of, order_of
from .inbox import Inbox

if TYPE_CHECKING:
    from ..engine.queue import QueueManager
    from ..store.events import Event

log = logging.getLogger(__name__)

RECENT_FRAMES = 1000  #: kept for those that come back
STATS_EVERY_S = 1.0
READ_MS = 1000
AGAIN_S = 0.5  #: between two tries to reach a job store that is away
LOOK_EVERY_S = 5.0  #: between two looks whether the log has gone back, or has left us behind
SEND_S = 20.0  #: a client whose connection takes nothing for so long is cut off
FAR_BEHIND = 250  #: events in one reading
JOBS_IN_RESET = 100
REPLAYS = 2  #: long ways back that are read at the same time; each holds the process up for some milliseconds a batch


class Follower(Protocol):
    """A client's stream."""

    sending_since: float | None  #: when the write began that still goes on
    was_hung_up: bool

    def hang_up(self) -> None:
        """End the connection although a write hangs in it."""


class Hub:
    """Feeds the streams of one queue in this process."""

    def __init__(self, queue: QueueManager) -> None:
        self.queue = queue
        self.heartbeat_s = queue.settings.sse_heartbeat_s
        self.cut_off = 0  #: clients that did not read, since the process began
        self.replaying = threading.BoundedSemaphore(REPLAYS)
        self._followers: set[Follower] = set()
        self._inboxes: dict[str | None, set[Inbox]] = {}  #: by the job whose events they get; None: all
        self._lock = threading.RLock()
        self._stats_lock = threading.Lock()
        self._reader_of: int | None = None  #: the process whose reader runs
        self._closed = threading.Event()
        self._place: Place | None = None  #: None: the job store is away, or was never reached
        self._lost: Place | None = None  #: where the reader was when the job store went away
        self._recent: deque[Frame] = deque(maxlen=RECENT_FRAMES)
        self._recent_after: Order = (0, 0)  #: whatever came later is in `_recent`
        self._looked_at = 0.0
        self._stats: tuple[float, Frame] | None = None

    @property
    def clients(self) -> int:
        return len(self._followers)

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    @contextmanager
    def subscribe(
        self, job_id: str | None = None, after: Place | None = None, hang_up: Callable[[], None] | None = None
    ) -> Iterator[Inbox | None]:
        """
        An inbox that gets everything (of one job) that comes after a place, None: from now on.

        Answers None where what came after that place is not at hand any more: it must be read from the log first; and
        while the job store is away.
        """
        inbox = self._attach(job_id, after, hang_up)
        try:
            yield inbox
        finally:
            if inbox is not None:
                self._detach(inbox)

    @contextmanager
    def follower(self, follower: Follower) -> Iterator[None]:
        """Within, the connection of a client that takes nothing for `SEND_S` is ended."""
        self._start_reader()
        with self._lock:
            self._followers.add(follower)
        try:
            yield
        finally:
            with self._lock:
                self._followers.discard(follower)

    def close(self) -> None:
        """End every stream and the reader."""
        self._closed.set()
        for inbox in self._all():
            inbox.close()

    def now(self) -> Place:
        """The present place in the event log. Raises what the client of the job store raises when that is away."""
        events = self.queue.event_log
        return Place(events.server_run(), events.position())

    @property
    def told(self) -> Place | None:
        """Up to where everything was handed out; None: the job store is away."""
        return self._place

    def has(self, place: Place) -> bool:
        """Whether all that came after this place is at hand."""
        told = self._place
        return told is not None and told.run == place.run and self._recent_after <= place.order <= told.order

    def stats(self) -> Frame:
        """The counts, at most a second old: one reading per process however many clients connect."""
        with self._stats_lock:
            if self._place is None or self._stats is None or time.monotonic() - self._stats[0] > STATS_EVERY_S:
                self._stats = (time.monotonic(), Frame("queue-stats", self.queue.stats()))
            return self._stats[1]

    def reset(self, job_id: str | None = None) -> Frame:
        """
        The present state, and the position to go on from; the position is taken first, so nothing falls between.

        Raises JobNotFound.
        """
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

    def wait_for_end(self, job_id: str, timeout_s: float) -> JobRecord:
        """
        The job as soon as it has ended, or as it is when the time is over. Waiting costs the job store nothing.

        Raises JobNotFound, StoreUnavailable.
        """
        until = time.monotonic() + timeout_s
        while True:
            with self.subscribe(job_id) as inbox:
                job = self.queue.get(job_id).record  # after the inbox is there, so that its end is not missed
                left_s = until - time.monotonic()
                if job.status.is_final or left_s <= 0 or self.is_closed:
                    return job
                if inbox is None:  # the job store came back a moment ago, and the reader has not noticed
                    self._closed.wait(min(left_s, AGAIN_S))
                    continue
                while (left_s := until - time.monotonic()) > 0 and not inbox.closed:
                    frame = inbox.get(left_s)
                    if frame is not None and (frame.ends or frame.order is None):  # it ended, or the job store went
                        break

    # The reader

    def _run(self) -> None:
        due: float | None = None  #: when the counts are to be sent, once something changed
        while not self.is_closed:
            try:
                if self._place is None:
                    self._reach()
                    due = time.monotonic()
                due = self._read(due)
            except Exception as error:
                # Of whatever kind: a reader that ended would leave every client without a word.
                if self._place is not None:
                    log.warning("no events for the moment: %s", error)
                    self._tell(Frame("store-away", {"message": "The job store does not answer; what is shown is old."}))
                self._lost, self._place = self._place or self._lost, None
                self._closed.wait(AGAIN_S)
            self._cut_off_stuck()

    def _reach(self) -> None:
        now, before = self.now(), self._lost
        is_same = before is not None and before.run == now.run and before.order <= now.order
        if before is not None and is_same and self.queue.event_log.is_complete_after(before.position):
            self._tell(Frame("store-back", {}))
            self._place = before  # the line broke, the server did not: go on where we were
        else:
            self._tell(Frame("store-back", {}))
            self._start_again(now)
        self._lost = None
        self._looked_at = time.monotonic()

    def _start_again(self, now: Place) -> None:
        """
        Tell everybody the present state.

        Another run may have forgotten the last second, so what clients were told may not be so any more.
        """
        with self._lock:
            followed = list(self._inboxes)
        resets = {job_id: self._reset_for(job_id) for job_id in followed}
        with self._lock:
            self._recent.clear()
            self._recent_after = now.order
            for job_id, frame in resets.items():
                self._hand_all(job_id, frame)
            self._place = now

    def _reset_for(self, job_id: str | None) -> Frame:
        try:
            return self.reset(job_id)
        except JobNotFound:
            place = self.now()
            return Frame("reset", {"position": place.id, "job": None}, place.id, job_id, ends=True)

    def _read(self, due: float | None) -> float | None:
        place = self._place
        if place is None:
            return due
        wait_ms = READ_MS if due is None else max(1, min(READ_MS, round((due - time.monotonic()) * 1000)))
        batch = self.queue.event_log.read(place.position, place.run, block_ms=wait_ms)
        if self._is_lost(place, len(batch)):
            self._start_again(self.now())
            return time.monotonic()
        if batch:
            self._tell_batch(batch, place)
            last = self._stats[0] if self._stats else 0.0
            due = due if due is not None else max(time.monotonic(), last + STATS_EVERY_S)
        if due is not None and time.monotonic() >= due:
            if self._inboxes.get(None):
                with self._stats_lock:
                    self._stats = (time.monotonic(), Frame("queue-stats", self.queue.stats()))
                with self._lock:
                    self._hand_all(None, self._stats[1])
            due = None
        return due

    def _is_lost(self, place: Place, read: int) -> bool:
        """Whether the log has gone back behind this place, or what comes after it was trimmed before it was read."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_S and read < FAR_BEHIND:
            return False
        self._looked_at = now
        events = self.queue.event_log
        return order_of(events.position()) < place.order or not events.is_complete_after(place.position)

    def _tell_batch(self, batch: list[Event], place: Place) -> None:
        with self._lock:
            for event in batch:
                frame = frame_of(event)
                if len(self._recent) == RECENT_FRAMES:
                    self._recent_after = self._recent[0].order or self._recent_after
                self._recent.append(frame)
                self._hand_all(None, frame)
                if frame.job_id is not None:
                    self._hand_all(frame.job_id, frame)
            self._place = Place(place.run, batch[-1].id.partition(".")[2])
        if changed := [event for event in batch if event.name == "jobs-changed"]:
            self._tell_of_removed(changed[-1])

    def _tell_of_removed(self, event: Event) -> None:
        """A bulk act has one event for all its jobs; whoever follows a single one hears that it is gone."""
        with self._lock:
            followed = [job_id for job_id in self._inboxes if job_id is not None]
        there = self.queue.present(followed) if followed else set()
        for job_id in followed:
            if job_id not in there:
                data = {"jobId": job_id, "type": event.type, "timestamp": iso(event.at_ms)}
                with self._lock:
                    self._hand_all(job_id, Frame("job-removed", data, event.id, job_id))

    # The clients

    def _attach(self, job_id: str | None, after: Place | None, hang_up: Callable[[], None] | None) -> Inbox | None:
        self._start_reader()
        with self._lock:
            if self._place is None or (after is not None and not self._can_join(after)):
                return None
            missed = [
                frame
                for frame in (self._recent if after is not None else ())
                if job_id in {None, frame.job_id} and frame.order is not None and frame.order > after.order  # type: ignore[union-attr]
            ]
            inbox = Inbox(job_id, missed, hang_up)
            self._inboxes.setdefault(job_id, set()).add(inbox)
            if self.is_closed:
                inbox.close()
            return inbox

    def _can_join(self, after: Place) -> bool:
        """A place ahead of the reader will do as well: it comes by there, and the client leaves out what it has."""
        told = self._place
        return told is not None and told.run == after.run and self._recent_after <= after.order

    def _start_reader(self) -> None:
        with self._lock:
            if self._reader_of == os.getpid():
                return
            self._reader_of = os.getpid()
            # Taken before the first client is answered: what happens from then on is its to hear.
            with suppress(Exception):  # the reader goes on trying, and says what it met
                self._place = self.now()
                self._recent_after = self._place.order
            self._looked_at = time.monotonic()
            threading.Thread(target=self._run, daemon=True, name="vocaqueue-streams").start()

    def _detach(self, inbox: Inbox) -> None:
        with self._lock:
            of_job = self._inboxes.get(inbox.job_id, set())
            of_job.discard(inbox)
            if not of_job:
                self._inboxes.pop(inbox.job_id, None)

    def _all(self) -> list[Inbox]:
        with self._lock:
            return [inbox for of_job in self._inboxes.values() for inbox in of_job]

    def _tell(self, frame: Frame) -> None:
        with self._lock:
            for job_id in list(self._inboxes):
                self._hand_all(job_id, frame)

    def _hand_all(self, job_id: str | None, frame: Frame) -> None:
        for inbox in list(self._inboxes.get(job_id, ())):
            if not inbox.put(frame):
                self._let_go(inbox)

    def _cut_off_stuck(self) -> None:
        now = time.monotonic()
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            since = follower.sending_since
            if since is not None and now - since > SEND_S:
                self.cut_off += not follower.was_hung_up
                follower.hang_up()

    def _let_go(self, inbox: Inbox) -> None:
        self.cut_off += inbox.was_cut
        self._detach(inbox)
