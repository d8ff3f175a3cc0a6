"""Why is it waiting: one sentence and a code for each job that nobody works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..job import JobRecord, JobStatus, Priority
from .ledger import Ledger, ms_of
from .limits import Cell, TypeLimits, read_types

SLOT_SILENT_MS = 20_000  #: a worker that has not said for so long that it is there does not count
STANDING = (JobStatus.WAITING, JobStatus.ACTIVE)


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    limits: TypeLimits
    slots: int
    before: tuple[int, ...]  #: jobs in line or in the backlog, by priority, the most urgent first


@dataclass(frozen=True, slots=True)
class _Place:
    leases: int
    in_line: int | None  #: rank among the jobs in line
    in_backlog: int | None
    line: int  #: how many are in line, of its priority


def explain(ledger: Ledger, jobs: Sequence[JobRecord], patience_s: float) -> list[JobRecord]:
    """The same jobs; those that are ready and stand still know why. Four round trips at most, or none."""
    standing = [job for job in jobs if job.status in STANDING and not job.in_hand and job.wait_reason is None]
    if not standing:
        return list(jobs)
    types = _read_types(ledger, sorted({job.type for job in standing}), patience_s)
    places = _read_places(ledger, standing, patience_s)
    reasons = {job.id: _reason(job, types[job.type], places[job.id]) for job in standing}
    return [replace(job, wait_reason=reasons[job.id]) if job.id in reasons else job for job in jobs]


def _reason(job: JobRecord, of_type: _Type, place: _Place) -> dict[str, str] | None:
    if place.leases:  # it is being planned or finished
        return None
    if not of_type.slots:
        return _say("no_worker", f"No worker listens to the queue {job.type}. Start one: vocaqueue worker {job.type}")
    return _limited(of_type) or _behind(job, of_type, place)


def _limited(of_type: _Type) -> dict[str, str] | None:
    limits = of_type.limits
    closed = next((cell for cell in limits.cells if not cell.is_open), None)
    if closed is not None:
        whose = f"the account {limits.account}" if closed is limits.account_cell else of_type.name
        return _say("rate", _rate_sentence(closed, whose))
    if limits.cap is not None and limits.running >= limits.cap:
        return _say("cap", f"{limits.running} chunks of {of_type.name} run; that is as many as may.")
    return None


def _behind(job: JobRecord, of_type: _Type, place: _Place) -> dict[str, str]:
    before = sum(of_type.before[: job.priority - 1])
    before += place.in_line if place.in_line is not None else place.line + (place.in_backlog or 0)
    behind = f"{before} {'job is' if before == 1 else 'jobs are'} before it"
    if of_type.limits.running >= of_type.slots:
        busy = "The one slot" if of_type.slots == 1 else f"All {of_type.slots} slots"
        return _say("slots_full", f"{busy} of {job.type} {'is' if of_type.slots == 1 else 'are'} busy; {behind}.")
    if before:
        return _say("behind", f"{behind}.")
    return _say("next", "A worker takes it in a moment.")


def _rate_sentence(cell: Cell, whose: str) -> str:
    wait_s = max(0.0, (cell.next_ms - cell.now_ms) / 1000)
    if cell.shut_ms > cell.now_ms:
        return f"The provider behind {whose} has asked to wait; it goes on in {wait_s:.0f} s."
    rate = str(cell.rate) if cell.rate else f"{1000 / cell.interval_ms:.2g} per second"
    return f"The rate of {whose} ({rate}) lets the next one start in {wait_s:.1f} s."


def _say(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _read_types(ledger: Ledger, names: list[str], patience_s: float) -> dict[str, _Type]:
    keys = ledger.keys

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        pipe.time()
        for name in names:
            pipe.hvals(keys("slots", name))
            for priority in Priority:
                pipe.zcard(keys("line", name, int(priority)))
                pipe.zcard(keys("backlog", name, int(priority)))
        return pipe.execute()

    limits = read_types(ledger, names, patience_s)
    time, *found = ledger.patiently(read, patience_s)
    now = ms_of(time)
    width = 1 + 2 * len(Priority)
    types = {}
    for at, name in enumerate(names):
        said, *cards = found[width * at : width * (at + 1)]
        slots = 0
        for raw in said:
            count, _, when = raw.decode().partition(":")
            slots += int(count) if now - int(when) < SLOT_SILENT_MS else 0
        before = tuple(line + backlog for line, backlog in zip(cards[::2], cards[1::2], strict=True))
        types[name] = _Type(name, limits[name], slots, before)
    return types


def _read_places(ledger: Ledger, jobs: Sequence[JobRecord], patience_s: float) -> dict[str, _Place]:
    keys = ledger.keys

    def read() -> Any:
        pipe = ledger.client.pipeline(transaction=False)
        for job in jobs:
            line, backlog = (keys(what, job.type, int(job.priority)) for what in ("line", "backlog"))
            pipe.scard(keys("leases", job.id))
            pipe.zrank(line, job.id)
            pipe.zrank(backlog, job.id)
            pipe.zcard(line)
        return pipe.execute()

    found = ledger.patiently(read, patience_s)
    return {job.id: _Place(*found[4 * at : 4 * at + 4]) for at, job in enumerate(jobs)}
