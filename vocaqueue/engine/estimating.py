"""What a submission would come to, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BadSettings
from ..estimate import Basis, Estimate, Forecast
from ..registry import JobType, load_object
from ..store.paces import read_pace

if TYPE_CHECKING:
    from .queue import QueueManager
    from .submission import Submission

SILENT_S = 20.0  #: a worker says every few seconds that it is there
DIGITS = 3  #: of seconds and dollars; more would promise what an estimate cannot keep


def forecast(submission: Submission) -> Forecast:
    """
    All that can be wrong with a submission is raised, as when it is made; nothing is written.

    Raises:
        BadRequest, IdempotencyConflict, DuplicateJob, StoreUnavailable
    """
    queue, job_type = submission.queue, submission.job_type
    if seen := submission.seen_before():
        nothing = dict.fromkeys(("items", "seconds", "costUsd"), Basis.COUNTED)
        total = None if seen.job is None else seen.job.progress.total
        warnings = () if seen.job is None else seen.job.warnings
        return Forecast(
            type=job_type.name, items=0, seconds=0.0, cost_usd=0.0, basis=nothing, total=total, warnings=warnings,
            job_id=seen.job_id,
        )  # fmt: skip
    submission.check()
    prepared, ids = submission.resolve()
    own = _declared(queue, job_type, prepared.params)
    total = None if ids is None else len(ids)
    items, items_basis = (total, Basis.COUNTED) if total is not None else _of(own.items)
    slots, is_running = _slots(queue, job_type)
    seconds, seconds_basis = _of(own.seconds)
    cost, cost_basis = _of(own.cost_usd)
    if items is not None and (seconds is None or cost is None):
        pace = read_pace(queue.ledger, job_type.name, queue.patience_s)
        if seconds is None:
            seconds, seconds_basis = _seconds(queue, job_type, items, pace.item_s, slots)
        if cost is None and pace.item_nano is not None:
            cost, cost_basis = items * pace.item_nano / 1e9, Basis.MEASURED
    seconds = None if seconds is None else round(seconds, DIGITS)
    return Forecast(
        type=job_type.name,
        items=items,
        seconds=seconds,
        cost_usd=None if cost is None else round(cost, DIGITS + 3),
        basis={"items": items_basis, "seconds": seconds_basis, "costUsd": cost_basis},
        total=total,
        items_ahead=_items_ahead(queue, job_type.name),
        slots=slots if is_running else 0,
        warnings=(*prepared.warnings, *_obstacles(submission, seconds, is_running=is_running)),
    )


def _declared(queue: QueueManager, job_type: JobType, params: Any) -> Estimate:
    """What the type's own function says."""
    if job_type.estimate is None:
        return Estimate()
    found = queue.aside(load_object(job_type.estimate), params)
    if not isinstance(found, Estimate):
        raise BadSettings(f"{job_type.estimate!r} must answer an Estimate, not {found!r:.100}")
    return found


def _of(value: Any) -> tuple[Any, Basis]:
    return value, Basis.NONE if value is None else Basis.DECLARED


def _slots(queue: QueueManager, job_type: JobType) -> tuple[int, bool]:
    """Slots that work on the type now, and whether there are any; where there are none, those that it declares."""
    alive = sum(slots for slots, age_s in queue.slots()[job_type.name].values() if age_s < SILENT_S)
    return alive or job_type.limits.concurrency, bool(alive)


def _seconds(
    queue: QueueManager, job_type: JobType, items: int, item_s: float | None, slots: int
) -> tuple[float | None, Basis]:
    limits = queue.limits.types()[job_type.name]
    account = queue.limits.accounts().get(limits["account"] or "", {})
    rates = [rate for rate in (limits["ratePerSecond"], account.get("ratePerSecond")) if rate]
    by_rate = items / min(rates) if rates else None
    if item_s is None:
        return (None, Basis.NONE) if by_rate is None else (by_rate, Basis.DECLARED)
    at_once = max(1, min(slots, items, limits["maxRunningChunks"] or slots))
    return max(items * item_s / at_once, by_rate or 0.0), Basis.MEASURED


def _items_ahead(queue: QueueManager, type_name: str) -> int:
    ledger = queue.ledger
    key = ledger.keys("items_left")
    return int(ledger.patiently(lambda: ledger.client.hget(key, type_name), queue.patience_s) or 0)


def _obstacles(submission: Submission, seconds: float | None, *, is_running: bool) -> list[dict[str, Any]]:
    """What would keep the job from running, or from ending in time, as things are now."""
    name, found = submission.job_type.name, []
    if reason := submission.queue.gates().reason(name):
        found.append({"code": reason["code"], "message": reason["message"]})
    if not is_running:
        found.append({"code": "no_worker", "message": f"No worker runs for {name} now; the job would wait for one."})
    deadline_s = submission.options.deadline_s
    if seconds is not None and deadline_s is not None and seconds > deadline_s:
        message = f"It would take about {seconds:g} s, and deadlineSeconds is {deadline_s:g}; it would fail by then."
        found.append({"code": "deadline_too_short", "message": message})
    return found
