"""Schedules: jobs that come by themselves, by cron or every N seconds. The table; `beat.py` makes it run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import (
    BadSettings,
    Detail,
    InvalidParams,
    JobNotFound,
    NoItems,
    ScheduleNotFound,
    UnknownType,
    VocaqueueError,
)
from ..job import Priority, iso
from ..registry import JobParams
from ..secrets import keep_masked, redact
from ..timing import Timing
from .handle import Job
from .submission import Options, item_ids

if TYPE_CHECKING:
    from .queue import QueueManager

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
RUNS_SHOWN = 5
TRIES = 10  #: of a change that somebody else's change overtakes


@dataclass(frozen=True, slots=True)
class Schedule:
    """One reading of a schedule."""

    id: str
    type: str
    params: dict[str, Any]  #: camelCase, as given; secrets are encrypted
    timing: Timing
    name: str | None
    priority: Priority
    enabled: bool
    created_by: str | None
    created_at_ms: int = 0
    version: int = 0
    next_ms: int | None = None  #: when it is due next; None while it is off
    last: Mapping[str, Any] | None = None  #: at, due (ms), and job or error {code, message}

    def as_dict(self) -> dict[str, Any]:
        """The schedule of the contract, camelCase."""
        runs = [] if self.next_ms is None else [self.next_ms, *self.timing.next_runs(self.next_ms, RUNS_SHOWN - 1)]
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "params": redact(self.params),
            "priority": self.priority.label,
            "cron": self.timing.cron,
            "everySeconds": self.timing.every_s,
            "timeZone": self.timing.time_zone,
            "enabled": self.enabled,
            "nextRuns": [iso(ms) for ms in runs],
            "lastRun": None if self.last is None else _last_run(self.last),
            "createdBy": self.created_by,
            "createdAt": iso(self.created_at_ms),
        }

    def stored(self) -> str:
        """What people set, as JSON."""
        return json.dumps(
            {
                "type": self.type,
                "params": self.params,
                "cron": self.timing.cron,
                "every_s": self.timing.every_s,
                "time_zone": self.timing.time_zone,
                "name": self.name,
                "priority": int(self.priority),
                "enabled": self.enabled,
                "created_by": self.created_by,
            },
            ensure_ascii=False,
        )


class Schedules:
    """
    The table of schedules: `queue.schedules`.

    Every method may raise StoreUnavailable. Whoever makes or changes one gets InvalidParams, whose `details` name the
    fields as they are called over HTTP: `cron`, `everySeconds`, `timeZone`, `type`, `params.…`, `priority`, `name`.
    """

    def __init__(self, queue: QueueManager) -> None:
        self.queue = queue

    def add(
        self,
        params: JobParams,
        *,
        cron: str | None = None,
        every_s: int | None = None,
        time_zone: str | None = None,
        name: str | None = None,
        priority: str | int | Priority = Priority.NORMAL,
        enabled: bool = True,
        created_by: str | None = None,
    ) -> Schedule:
        """
        Make a schedule.

        Args:
            params: Of each job that it makes. A filter is resolved anew each time.
            cron: Five fields, read in `time_zone`. Or:
            every_s: Seconds between two runs.
            time_zone: IANA name; by default VOCAQUEUE_TIME_ZONE.
        """
        made = self._new(params, cron, every_s, time_zone, name, priority, enabled, created_by, None)
        self._put(made, once=False)
        return self.get(made.id)

    def add_once(
        self,
        schedule_id: str,
        params: JobParams,
        *,
        cron: str | None = None,
        every_s: int | None = None,
        time_zone: str | None = None,
        name: str | None = None,
        created_by: str | None = None,
    ) -> bool:
        """
        Make the schedule of this id, unless it was ever made: one that somebody removed does not come back.

        Answers whether this call made it.
        """
        made = self._new(params, cron, every_s, time_zone, name, Priority.NORMAL, True, created_by, schedule_id)
        return self._put(made, once=True)

    def get(self, schedule_id: str) -> Schedule:
        """Raises ScheduleNotFound."""
        found = self._read([schedule_id])
        if not found:
            raise ScheduleNotFound(schedule_id)
        return found[0]

    def page(self, page: int = 1, limit: int = 20) -> tuple[list[Schedule], int]:
        """A page of schedules, the oldest first, and how many there are."""
        ledger, patience_s = self.queue.ledger, self.queue.patience_s
        key, first = ledger.keys("schedules"), (page - 1) * limit

        def read() -> Any:
            pipe = ledger.client.pipeline(transaction=True)
            return pipe.zrange(key, first, first + limit - 1).zcard(key).execute()

        ids, total = ledger.patiently(read, patience_s)
        return self._read([schedule_id.decode() for schedule_id in ids]), total

    def update(self, schedule_id: str, **changes: Any) -> Schedule:
        """
        Change what is named: `name`, `params` (JobParams of its type, or their camelCase dict), `priority`, `cron` or
        `every_s` (the other one goes), `time_zone`, `enabled`.

        A schedule whose time is changed, or that is turned on, is due at its first time from now.

        Raises:
            ScheduleNotFound
        """
        token = uuid4().hex
        for _ in range(TRIES):
            before = self.get(schedule_id)
            after = self._changed(before, changes)
            if after.enabled and (after.timing != before.timing or not before.enabled):
                after = replace(after, next_ms=after.timing.next_after(self.queue.now_ms()))
            if not after.enabled:
                after = replace(after, next_ms=None)
            answer = self._step("schedule_put", after, token=token, version=before.version)
            if answer == "gone":
                raise ScheduleNotFound(schedule_id)
            if answer == "ok":
                return self.get(schedule_id)
        raise RuntimeError(f"the schedule {schedule_id} is changed by others all the time")

    def remove(self, schedule_id: str) -> None:
        """Take it away; jobs that it made stay. Raises ScheduleNotFound."""
        queue = self.queue
        answer = queue.ledger.step("schedule_remove", patience_s=queue.patience_s, id=schedule_id, token=uuid4().hex)
        if answer.state == "gone":
            raise ScheduleNotFound(schedule_id)
        queue.ledger.wait_for_disk()

    def run(self, schedule_id: str, *, created_by: str | None = None) -> Job:
        """Make its job now, also while it is off; its times stay as they are. Raises what `add` of a job does."""
        schedule = self.get(schedule_id)
        options = Options(priority=schedule.priority, created_by=created_by, name=schedule.name)
        params = self.queue.parse(schedule.type, self.queue.secrets.load(schedule.params))
        made = self.queue.submission(params, options).make(schedule_id=schedule_id)
        if made is None or made.job is None:
            raise JobNotFound("" if made is None else made.job_id)
        return Job(self.queue, made.job)

    # Reading and writing

    def _new(
        self,
        params: JobParams,
        cron: str | None,
        every_s: int | None,
        time_zone: str | None,
        name: str | None,
        priority: str | int | Priority,
        enabled: bool,
        created_by: str | None,
        schedule_id: str | None,
    ) -> Schedule:
        if schedule_id is not None and not ID.fullmatch(schedule_id):
            raise BadSettings(f"a schedule's id is lower case letters, digits and '-', not {schedule_id!r}")
        job_type = self.queue.job_types.of(params)
        timing = Timing(cron, every_s, self.queue.settings.time_zone if time_zone is None else time_zone)
        self._check(params, name, priority)
        return Schedule(
            id=schedule_id or f"{job_type.name}-{uuid4().hex[:8]}",
            type=job_type.name,
            params=self.queue.secrets.dump(params, exclude_unset=True),
            timing=timing,
            name=name,
            priority=Priority.parse(priority),
            enabled=enabled,
            created_by=created_by,
            next_ms=timing.next_after(self.queue.now_ms()) if enabled else None,
        )

    def _changed(self, before: Schedule, changes: dict[str, Any]) -> Schedule:
        known = {"name", "params", "priority", "cron", "every_s", "time_zone", "enabled"}
        if unknown := changes.keys() - known:
            raise TypeError(f"a schedule has no {', '.join(sorted(unknown))} that can be changed")
        cron, every_s = changes.get("cron"), changes.get("every_s")
        if "cron" not in changes and "every_s" not in changes:
            cron, every_s = before.timing.cron, before.timing.every_s
        timing = Timing(cron, every_s, changes.get("time_zone") or before.timing.time_zone)
        params = self._new_params(before, changes)
        name, priority = changes.get("name", before.name), changes.get("priority", before.priority)
        if "params" in changes or "priority" in changes or "name" in changes:
            self._check(params, name, priority)
        return replace(
            before,
            timing=timing,
            params=self.queue.secrets.dump(params, exclude_unset=True),
            name=name,
            priority=Priority.parse(priority),
            enabled=bool(changes.get("enabled", before.enabled)),
        )

    def _new_params(self, before: Schedule, changes: Mapping[str, Any]) -> JobParams:
        given, box = changes.get("params"), self.queue.secrets
        if isinstance(given, JobParams):
            return given
        fields = box.load(before.params) if given is None else keep_masked(given, before.params, box)
        return self.parse(before.type, fields)

    def parse(self, type_name: str, fields: Mapping[str, Any]) -> JobParams:
        """A schedule's parameters from JSON. Raises InvalidParams."""
        try:
            return self.queue.parse(type_name, fields)
        except UnknownType as error:
            raise InvalidParams(error.message, [Detail("type", error.code, error.message)]) from None
        except InvalidParams as error:
            raise InvalidParams(error.message, [_within_params(detail) for detail in error.details]) from None

    def _check(self, params: JobParams, name: str | None, priority: str | int | Priority) -> None:
        """Whether a job could be made of it. A filter that selects nothing now may select something then."""
        Options(name=name, priority=priority)
        job_type = self.queue.job_types.of(params)
        try:
            prepared = self.queue.prepare(job_type, params)
            if job_type.prepare is None:
                item_ids(job_type, prepared.params)
        except NoItems as error:
            if job_type.prepare is None:
                raise InvalidParams(error.message, [_within_params(detail) for detail in error.details]) from None
        except InvalidParams as error:
            raise InvalidParams(error.message, [_within_params(detail) for detail in error.details]) from None

    def _put(self, made: Schedule, *, once: bool) -> bool:
        answer = self._step("schedule_put", made, token=uuid4().hex, once=once or None)
        return answer == "ok"

    def _step(self, name: str, schedule: Schedule, **arguments: Any) -> str:
        queue = self.queue
        answer = queue.ledger.step(
            name,
            patience_s=queue.patience_s,
            id=schedule.id,
            type=schedule.type,
            data=schedule.stored(),
            next=schedule.next_ms,
            **arguments,
        )
        queue.ledger.wait_for_disk()
        return answer.state

    def _read(self, ids: list[str]) -> list[Schedule]:
        ledger = self.queue.ledger

        def read() -> Any:
            pipe = ledger.client.pipeline(transaction=False)
            for schedule_id in ids:
                pipe.hgetall(ledger.keys("schedule", schedule_id))
            return pipe.execute()

        raw = ledger.patiently(read, self.queue.patience_s) if ids else []
        return [_schedule(schedule_id, fields) for schedule_id, fields in zip(ids, raw, strict=True) if fields]


def _schedule(schedule_id: str, fields: Mapping[bytes, bytes]) -> Schedule:
    data = json.loads(fields[b"data"])
    return Schedule(
        id=schedule_id,
        type=data["type"],
        params=data["params"],
        timing=Timing(data["cron"], data["every_s"], data["time_zone"]),
        name=data["name"],
        priority=Priority(data["priority"]),
        enabled=data["enabled"],
        created_by=data["created_by"],
        created_at_ms=int(fields[b"made_at"]),
        version=int(fields[b"version"]),
        next_ms=int(fields[b"next"]) if fields[b"next"] else None,
        last=json.loads(fields[b"last"]) if b"last" in fields else None,
    )


def _last_run(last: Mapping[str, Any]) -> dict[str, Any]:
    due = last.get("due")
    return {
        "at": iso(int(last["at"])),
        "dueAt": None if due is None else iso(int(due)),
        "jobId": last.get("job"),
        "error": last.get("error"),
    }


def _within_params(detail: Detail) -> Detail:
    return Detail(f"params.{detail.field}".rstrip("."), detail.code, detail.message)


def error_of(error: VocaqueueError) -> dict[str, str]:
    return {"code": error.code, "message": error.message[:1000]}
