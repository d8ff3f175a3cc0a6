"""A job as everybody sees it: its statuses, its priority, its progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any


class JobStatus(StrEnum):
    WAITING = "waiting"  #: accepted, in line for its type's workers
    ACTIVE = "active"  #: begun; stays so until it ends, is held, or waits for a time
    DELAYED = "delayed"  #: not before a time: asked for, or all that is left waits for a retry
    PAUSED = "paused"  #: held; it goes on where it was
    COMPLETED = "completed"  #: every item was tried and one at least is done or skipped, or there was none
    FAILED = "failed"  #: every item failed, or the job as a whole could not go on
    CANCELLED = "cancelled"  #: stopped on request; what was done stays done

    @property
    def is_final(self) -> bool:
        return self in FINAL


_S = JobStatus
FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})

#: The one table of status changes. The Lua steps are given the part that they may use.
MAY_BECOME: dict[JobStatus, frozenset[JobStatus]] = {
    _S.WAITING: frozenset({_S.ACTIVE, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
    _S.ACTIVE: frozenset({_S.DELAYED, _S.PAUSED, _S.COMPLETED, _S.FAILED, _S.CANCELLED}),
    _S.DELAYED: frozenset({_S.WAITING, _S.ACTIVE, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.WAITING, _S.ACTIVE, _S.DELAYED, _S.FAILED, _S.CANCELLED}),
    _S.COMPLETED: frozenset({_S.WAITING}),
    _S.FAILED: frozenset({_S.WAITING}),
    _S.CANCELLED: frozenset({_S.WAITING}),
}


class Priority(IntEnum):
    """The guide's numbers: 1 is the most urgent."""

    CRITICAL = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, value: str | int | Priority) -> Priority:
        """A name (`"high"`) or the guide's number (1 to 4). Raises ValueError with the known ones."""
        if isinstance(value, str) and value.lower() in {p.label for p in cls}:
            return cls[value.upper()]
        if not isinstance(value, bool) and str(value) in {"1", "2", "3", "4"}:
            return cls(int(value))
        raise ValueError("priority is one of critical, high, normal, low, or 1 to 4")


#: What lists of jobs are sorted by; with `-` before it the largest first.
SORTS = ("createdAt", "startedAt", "finishedAt", "priority", "name")
NEWEST_FIRST = "-createdAt"


def iso(ms: int | None) -> str | None:
    """Milliseconds since the epoch as ISO 8601 UTC with a Z; None stays None."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class ItemError:
    """A failed item. `attempts` counts its tries, the first one included."""

    item_id: str
    item_name: str
    code: str
    message: str
    at_ms: int
    attempts: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "itemId": self.item_id,
            "itemName": self.item_name,
            "code": self.code,
            "message": self.message,
            "timestamp": iso(self.at_ms),
            "attempts": self.attempts,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    total: int | None  #: None until a file is read
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    current_item: str | None = None
    items_per_second: float | None = None
    eta_seconds: float | None = None
    errors: tuple[ItemError, ...] = ()  #: newest first, at most 100; empty in events

    @property
    def percent(self) -> float:
        if self.total is None:
            return 0.0
        if self.total == 0:
            return 100.0
        return round(100 * (self.completed + self.failed + self.skipped) / self.total, 2)

    def as_dict(self, *, with_errors: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "total": self.total,
            "completed": self.completed,
            "failed": self.failed,
            "skipped": self.skipped,
            "percent": self.percent,
            "currentItem": self.current_item,
            "itemsPerSecond": self.items_per_second,
            "etaSeconds": self.eta_seconds,
            "errorCount": self.failed,
        }
        if with_errors:
            shown["errors"] = [error.as_dict() for error in self.errors]
        return shown


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One reading of a job; it does not change by itself."""

    id: str
    type: str
    name: str | None
    labels: tuple[str, ...]
    status: JobStatus
    priority: Priority
    params: dict[str, Any]  #: as accepted, camelCase, without the list of ids; secrets masked
    created_by: str | None
    created_at_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    run_at_ms: int | None  #: not before; None: at once
    run: int  #: 1, and 1 more per manual retry
    progress: Progress
    in_hand: int  #: items that are being worked on now
    cancel_requested: bool = False
    wait_reason: dict[str, str] | None = None
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    cost_nano: int | None = None
    warnings: tuple[dict[str, Any], ...] = field(default=())
    runs: tuple[dict[str, Any], ...] = field(default=())  #: what the runs before this one came to, newest first
    deadline_at_ms: int | None = None  #: by then it must have ended
    schedule_id: str | None = None  #: of the schedule that it is a run of
    due_at_ms: int | None = None  #: when that run was due; it was made a moment later, or when the system was back

    def as_dict(self) -> dict[str, Any]:
        """The job of the contract, camelCase."""
        return {
            "id": self.id,
            "type": self.type,
            "name": self.name,
            "labels": list(self.labels),
            "status": self.status.value,
            "waitReason": self.wait_reason,
            "priority": self.priority.label,
            "params": self.params,
            "createdBy": self.created_by,
            "createdAt": iso(self.created_at_ms),
            "startedAt": iso(self.started_at_ms),
            "finishedAt": iso(self.finished_at_ms),
            "runAt": iso(self.run_at_ms),
            "deadlineAt": iso(self.deadline_at_ms),
            "scheduleId": self.schedule_id,
            "dueAt": iso(self.due_at_ms),
            "attemptsMade": self.run,
            "inHand": self.in_hand,
            "cancelRequested": self.cancel_requested,
            "progress": self.progress.as_dict(),
            "result": self.result,
            "error": self.error,
            "costUsd": None if self.cost_nano is None else self.cost_nano / 1e9,
            "warnings": list(self.warnings),
            "runs": list(self.runs),
        }
