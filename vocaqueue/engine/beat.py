"""
Celery beat over the ledger's table of schedules: `celery -A workers beat`. Its state is nowhere else.

Any number may run. That a schedule fires is decided in one step, compare and advance; what is decided stays written
down until its job is there, which the step that makes the job checks and takes out. So two make one job, and one that
dies between deciding and submitting is made good by the others, or by itself when it is back.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.beat import Scheduler

from ..actor import SYSTEM, acting
from ..errors import ScheduleNotFound, StoreUnavailable, VocaqueueError
from ..store.processes import Presence
from .schedules import Schedule, error_of
from .submission import Options

if TYPE_CHECKING:
    from .queue import QueueManager

log = logging.getLogger(__name__)

PER_PASS = 100
LATE_MS = 10_000  #: runs missed by more are made up for by one
OWED_MS = 5_000  #: by then whoever decided should have submitted
GIVEN_UP_MS = 600_000  #: a run that still cannot be submitted then is recorded as failed
LONGEST_SLEEP_S = 1.0  #: so that a new schedule is seen soon
SHORTEST_SLEEP_S = 0.01
#: What passes by itself: the run stays owed.
PASSING = {"store_unavailable", "database_unavailable"}


class Firing:
    """Fires what is due. Every pass is a function that a test can call."""

    def __init__(self, queue: QueueManager) -> None:
        self.queue, self.ledger = queue, queue.ledger
        self._stuck: set[str] = set()  #: schedules that could not fire in the last pass

    def once(self) -> float:
        """One pass. Answers the seconds until there is something to do again."""
        stuck: set[str] = set()
        for schedule_id, due_ms in self._pairs("schedule_due", self.queue.now_ms()):
            try:
                self.fire(schedule_id, due_ms)
            except StoreUnavailable:
                raise
            except Exception as error:  # the others go on; a zone that this machine does not know, for example
                stuck.add(schedule_id)
                if schedule_id not in self._stuck:
                    log.warning("the schedule %s cannot fire", schedule_id, exc_info=error)
        self._stuck = stuck
        for name, decided_ms in self._pairs("firings", self.queue.now_ms() - OWED_MS):
            schedule_id, _, due = name.rpartition("@")
            self.submit(schedule_id, int(due), decided_ms)
        key = self.ledger.keys("schedule_due")
        first = self.ledger.patiently(lambda: self.ledger.client.zrange(key, 0, len(stuck), withscores=True), 0.5)
        next_ms = next((int(at) for name, at in first if name.decode() not in stuck), None)
        if next_ms is None:
            return LONGEST_SLEEP_S
        wait_s = (next_ms - self.queue.now_ms()) / 1000
        return min(max(wait_s, SHORTEST_SLEEP_S), LONGEST_SLEEP_S)

    def fire(self, schedule_id: str, due_ms: int) -> None:
        """Decide that a schedule fires for a time, if it is still due then, and submit its job."""
        now_ms = self.queue.now_ms()
        try:
            schedule = self.queue.schedules.get(schedule_id)
        except ScheduleNotFound:
            return
        is_late = now_ms - due_ms > LATE_MS
        following = schedule.timing.next_after(now_ms if is_late else due_ms)
        answer = self.ledger.step("schedule_fire", id=schedule_id, version=schedule.version, due=due_ms, next=following)
        if answer.state == "fired":
            self.submit(schedule_id, due_ms, now_ms, schedule)

    def submit(self, schedule_id: str, due_ms: int, decided_ms: int, schedule: Schedule | None = None) -> None:
        """Make the job of a run that was decided, once; or record why there is none."""
        try:
            schedule = schedule or self.queue.schedules.get(schedule_id)
            params = self.queue.parse(schedule.type, self.queue.secrets.load(schedule.params))
            options = Options(priority=schedule.priority, created_by=f"schedule:{schedule_id}", name=schedule.name)
            job_id = job_id_of(schedule.type, schedule_id, due_ms)
            with acting(SYSTEM):  # the schedule is what somebody made; its job says which that is
                self.queue.submission(params, options).make(job_id, schedule_id=schedule_id, due_ms=due_ms)
        except StoreUnavailable:
            raise
        except Exception as error:
            known = isinstance(error, VocaqueueError) and error.code not in PASSING
            if not known:
                waited_ms = self.queue.now_ms() - decided_ms
                if waited_ms < OWED_MS:  # once, not at each further try
                    log.warning("the schedule %s could not submit its job yet", schedule_id, exc_info=error)
                if waited_ms < GIVEN_UP_MS:
                    return
            said = error_of(error) if isinstance(error, VocaqueueError) else _unexpected(error)
            log.warning("the schedule %s made no job: %s", schedule_id, said["message"])
            self.ledger.step("schedule_failed", id=schedule_id, due=due_ms, error=said)

    def _pairs(self, key: str, until_ms: int) -> list[tuple[str, int]]:
        name = self.ledger.keys(key)
        found = self.ledger.patiently(
            lambda: self.ledger.client.zrange(
                name, "-inf", until_ms, byscore=True, offset=0, num=PER_PASS, withscores=True
            ),
            self.queue.patience_s,
        )
        return [(member.decode(), int(score)) for member, score in found]


class LedgerScheduler(Scheduler):  # type: ignore[misc]
    """
    The scheduler of `celery beat` (setting `beat_scheduler`, or `-S vocaqueue.engine.beat:LedgerScheduler`).

    Entries of the app's own `beat_schedule` are sent as Celery's scheduler would, by each beat that runs.
    """

    def __init__(self, app: Celery, *args: Any, **kwargs: Any) -> None:
        self._firing: Firing | None = None
        self._presence: Presence | None = None
        self._is_away = False
        super().__init__(app, *args, **kwargs)

    def install_default_entries(self, data: Any) -> None:
        """Nothing: there is no result backend to clean up."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        theirs = float(super().tick(*args, **kwargs) or 0)
        return min(theirs, self._fire())

    def _fire(self) -> float:
        try:
            if self._firing is None:
                from .queue import QueueManager

                self._firing = Firing(QueueManager(self.app.vocaqueue.settings, self.app.vocaqueue.job_types))
            wait_s = self._firing.once()
            self._presence = self._presence or Presence(self._firing.ledger, "beat")
            self._presence.say()
        except Exception as error:  # beat must outlive whatever it meets
            if not self._is_away or not isinstance(error, StoreUnavailable | OSError):
                log.warning("schedules wait: %s", error)
            self._is_away = True
            return LONGEST_SLEEP_S
        if self._is_away:
            log.warning("schedules go on")
        self._is_away = False
        return wait_s

    @property
    def info(self) -> str:
        return "    . schedules -> the ledger"


def job_id_of(type_name: str, schedule_id: str, due_ms: int) -> str:
    """The id of a run's job, the same for everybody who tries to make it."""
    return f"{type_name}-{hashlib.sha256(f'{schedule_id}@{due_ms}'.encode()).hexdigest()[:12]}"


def _unexpected(error: BaseException) -> dict[str, str]:
    return {"code": "unexpected_error", "message": f"{type(error).__name__}: {error}"[:1000]}
