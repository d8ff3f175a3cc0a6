"""Reading jobs: one, a page of them, counts. Each is a fixed number of round trips, however many jobs there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..errors import JobNotFound
from ..job import ItemError, JobRecord, JobStatus, Priority, Progress, iso
from ..pages import Page
from ..secrets import redact
from .gates import Gates, ask, read, read_answers
from .items import read_ids
from .ledger import Ledger
from .schema import JOB_DEFAULTS
from .stats import read_stats
from .waiting import explain

ERRORS_SHOWN = 100
#: Statuses that are seen as paused while their type is held.
HELD = (JobStatus.WAITING, JobStatus.ACTIVE)


#: Newest first, without their errors.
JobPage = Page[JobRecord]


class Jobs:
    def __init__(self, ledger: Ledger, patience_s: float = 2.0) -> None:
        self.ledger, self.keys, self.client = ledger, ledger.keys, ledger.client
        self.patience_s = patience_s

    def get(self, job_id: str) -> JobRecord:
        """The whole job, with its newest 100 errors. Raises JobNotFound."""

        def read() -> Any:
            pipe = self.client.pipeline(transaction=True)
            pipe.hgetall(self.keys("job", job_id))
            pipe.lrange(self.keys("errors", job_id), 0, ERRORS_SHOWN - 1)
            ask(pipe, self.ledger)
            return pipe.execute()

        raw, errors, *gates = self.ledger.patiently(read, self.patience_s)
        if not raw:
            raise JobNotFound(job_id)
        job = held(
            record(raw, self._named(job_id, errors)), read_answers(self.ledger, *gates, patience_s=self.patience_s)
        )
        return explain(self.ledger, [job], self.patience_s)[0]

    def gates(self) -> Gates:
        return read(self.ledger, self.patience_s)

    def _named(self, job_id: str, errors: list[bytes]) -> list[bytes]:
        """Errors that the ledger itself wrote know only the item's position; its id is looked up here."""
        parsed = [json.loads(error) for error in errors]
        unnamed = [entry for entry in parsed if not entry[1]]
        if not unnamed:
            return errors
        indexes = [int(entry[0]) for entry in unnamed]
        key = self.keys("items", job_id)
        known = self.ledger.patiently(lambda: self.client.exists(key), self.patience_s)
        ids = read_ids(self.ledger, job_id, indexes) if known else list(map(str, indexes))
        for entry, item_id in zip(unnamed, ids, strict=True):
            entry[1] = entry[2] = item_id
        return [json.dumps(entry).encode() for entry in parsed]

    def page(
        self,
        *,
        types: Sequence[str] = (),
        statuses: Sequence[JobStatus] = (),
        page: int = 1,
        limit: int = 20,
        why: bool = True,
    ) -> JobPage:
        """
        Newest first. Several types or statuses are merged from the parts of their indexes where the page is.

        Args:
            why: Say of each job that stands still what it waits for, which takes further trips.
        """
        gates = self.gates()
        indexes = self._indexes(types, statuses, gates)
        if not indexes:
            return JobPage([], page, limit, 0)
        total, chosen = self._one(indexes[0], page, limit) if len(indexes) == 1 else self._merged(indexes, page, limit)
        records = self._records((job_id.decode() for job_id in chosen), gates)
        return JobPage(explain(self.ledger, records, self.patience_s) if why else records, page, limit, total)

    def _one(self, index: str, page: int, limit: int) -> tuple[int, list[bytes]]:
        """Entries of the index, and ids of the page."""

        def read_ids() -> Any:
            pipe = self.client.pipeline(transaction=True)
            pipe.zcard(index)
            pipe.zrange(index, (page - 1) * limit, page * limit - 1, desc=True)
            return pipe.execute()

        total, chosen = self.ledger.patiently(read_ids, self.patience_s)
        return total, chosen

    def _merged(self, indexes: Sequence[str], page: int, limit: int) -> tuple[int, list[bytes]]:
        """The same of several indexes, as if they were one."""
        first = (page - 1) * limit
        total, skip, *found = self.ledger.ask(
            "page_read", patience_s=self.patience_s, indexes=indexes, first=first, limit=limit
        )
        entries = sorted(zip(map(float, found[1::2]), found[::2], strict=True), reverse=True)
        return total, [job_id for _, job_id in entries[skip : skip + limit]]

    def listed(self, job_ids: Sequence[str], gates: Gates, fits: Callable[[JobRecord], bool]) -> list[JobRecord]:
        """
        These jobs as the ledger has them now, without their errors, in the order asked for.

        Args:
            fits: Asked of each as it is in the ledger; others, and those that are not there, are left out.
        """
        found = [job for job in self._raw_records(job_ids) if fits(job)]
        return explain(self.ledger, [held(job, gates) for job in found], self.patience_s)

    def seen_as(
        self, statuses: Sequence[JobStatus], types: Sequence[str], gates: Gates
    ) -> list[tuple[str | None, str]]:
        """(type, status) in the ledger, None for any type, of what is seen in these statuses while `gates` are shut."""
        if not gates:
            return [(None, status.value) for status in dict.fromkeys(statuses)]
        return [(name, status.value) for name, status in self._seen_through(gates, types, statuses)]

    def counts(self, types: Iterable[str]) -> dict[str, Any]:
        """
        Counts by status, of everything and of each type.

        Returns:
            {"all": {status: n}, "types": {type: {status: n, "total": n, "items_left": n}}, "gates": Gates}
        """
        stats = read_stats(self.ledger, types, patience_s=self.patience_s)
        by_type = {
            name: {"total": of_type.total, "items_left": of_type.items_left} | of_type.counts
            for name, of_type in stats.types.items()
        }
        return {"all": stats.counts, "types": by_type, "gates": stats.gates}

    def _indexes(self, types: Sequence[str], statuses: Sequence[JobStatus], gates: Gates) -> list[str]:
        if statuses and gates:
            return [self.keys("by_type_status", t, s.value) for t, s in self._seen_through(gates, types, statuses)]
        if types and statuses:
            return [
                self.keys("by_type_status", t, s.value) for t in dict.fromkeys(types) for s in dict.fromkeys(statuses)
            ]
        if types:
            return [self.keys("by_type", t) for t in dict.fromkeys(types)]
        if statuses:
            return [self.keys("by_status", s.value) for s in dict.fromkeys(statuses)]
        return [self.keys("jobs")]

    def _seen_through(
        self, gates: Gates, types: Sequence[str], statuses: Sequence[JobStatus]
    ) -> list[tuple[str, JobStatus]]:
        """Of what is held, `waiting` and `active` are listed as `paused`, also while a chunk still runs."""
        names = types
        if not names:
            stored = self.ledger.patiently(lambda: self.client.smembers(self.keys("types")), self.patience_s)
            names = [name.decode() for name in stored]
        found = []
        for name in dict.fromkeys(names):
            shut = gates.is_shut(name)
            for status in dict.fromkeys(statuses):
                if not (shut and status in HELD):
                    found.append((name, status))
                if shut and status is JobStatus.PAUSED:
                    found += [(name, other) for other in HELD]
        return found

    def _records(self, job_ids: Iterable[str], gates: Gates) -> list[JobRecord]:
        return [held(job, gates) for job in self._raw_records(job_ids)]

    def _raw_records(self, job_ids: Iterable[str]) -> list[JobRecord]:
        keys = [self.keys("job", job_id) for job_id in job_ids]
        if not keys:
            return []

        def read() -> Any:
            pipe = self.client.pipeline(transaction=False)
            for key in keys:
                pipe.hgetall(key)
            return pipe.execute()

        # A job that was removed between the two reads is left out.
        return [record(raw) for raw in self.ledger.patiently(read, self.patience_s) if raw]


def held(job: JobRecord, gates: Gates) -> JobRecord:
    """The job as it is seen while everything, its type or its account is held; a hold is one write, not one per job."""
    if job.in_hand or job.status not in HELD or not gates.is_shut(job.type):
        return job
    return replace(job, status=JobStatus.PAUSED, wait_reason=gates.reason(job.type))


def record(raw: dict[bytes, bytes], errors: Iterable[bytes] = ()) -> JobRecord:
    """A JobRecord from the job's hash and the JSON of its errors."""
    values = {field: str(value) for field, value in JOB_DEFAULTS.items()}
    values |= {field.decode(): value.decode() for field, value in raw.items() if value != b""}

    def number(name: str) -> int | None:
        return int(float(values[name])) if name in values else None

    def parsed(name: str, default: Any) -> Any:
        return json.loads(values[name]) if name in values else default

    status = JobStatus(values["status"])
    total = number("total")
    completed, failed, skipped = (int(values[name]) for name in ("completed", "failed", "skipped"))
    rate = float(values["rate"]) if "rate" in values else None
    left = None if total is None else total - completed - failed - skipped
    return JobRecord(
        id=values["id"],
        type=values["type"],
        name=values.get("name"),
        labels=tuple(parsed("labels", [])),
        status=status,
        priority=Priority(int(values["priority"])),
        params=redact(parsed("params", {})),
        created_by=values.get("created_by"),
        created_at_ms=int(values["created_at"]),
        started_at_ms=number("started_at"),
        finished_at_ms=number("finished_at"),
        run_at_ms=number("run_at"),
        run=int(values["run"]),
        progress=Progress(
            total=total,
            completed=completed,
            failed=failed,
            skipped=skipped,
            current_item=values.get("current"),
            items_per_second=rate,
            eta_seconds=round(left / rate, 1) if rate and left and not status.is_final else None,
            errors=tuple(map(item_error, errors)),
        ),
        in_hand=int(values["in_hand"]),
        cancel_requested=values.get("stop") == "cancelled" and not status.is_final,
        wait_reason=_wait_reason(status, values),
        result=parsed("result", None),
        error=parsed("error", None),
        cost_nano=number("cost_nano"),
        warnings=tuple(parsed("warnings", [])),
        runs=tuple(map(_run, parsed("runs", []))),
        deadline_at_ms=number("deadline"),
        schedule_id=values.get("schedule"),
        due_at_ms=number("due"),
    )


def _run(raw: dict[str, Any]) -> dict[str, Any]:
    """One run of a job that was retried since, as the contract's names have it."""
    return {
        "attempt": raw["run"],
        "status": raw["status"],
        "startedAt": iso(raw.get("started")),
        "finishedAt": iso(raw.get("finished")),
        "completed": raw["completed"],
        "failed": raw["failed"],
        "skipped": raw["skipped"],
        "error": raw.get("error"),
    }


def item_error(raw: bytes) -> ItemError:
    _item, item_id, name, code, message, at_ms, tries = json.loads(raw)
    return ItemError(item_id, name, code, message, int(at_ms), int(tries))


def _wait_reason(status: JobStatus, values: dict[str, str]) -> dict[str, str] | None:
    if status is JobStatus.PAUSED:
        return {"code": "paused", "message": "It is held; resume it to let it go on."}
    if "postponed" in values and not status.is_final:
        return {"code": values["postponed"], "message": values.get("postponed_why", "")}
    if status is not JobStatus.DELAYED:
        return None
    if "started_at" in values:
        return {"code": "retry", "message": "What is left waits for its next try."}
    return {"code": "scheduled", "message": "It was asked not to start before a time."}
