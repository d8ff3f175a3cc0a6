"""One act on many jobs: chosen by id or by a filter, shown before on request, then made in steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import Detail, InvalidParams, NoPreview, TooMany
from ..job import JobStatus, iso
from ..store.ledger import Answer, Ledger
from ..store.previews import KEPT_S, keep_preview, read_preview
from ..store.selection import Facts, Selection

if TYPE_CHECKING:
    from .removal import Removal

ACTIONS = ("retry", "cancel", "delete", "pause", "resume")
MOST_JOBS = 100_000  #: of one act; what selects more is refused, not cut
AT_ONCE = 100  #: jobs in one round trip; each is a step of its own, and others' commands run in between
SHOWN_SKIPPED = 100
SHOWN_FIRST = 20


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Jobs that fit all that is given; a list fits with any of its entries, `labels` with all of them."""

    types: Sequence[str] = ()
    statuses: Sequence[str | JobStatus] = ()  #: as everybody sees them: `paused` while the type is held
    created_by: str | None = None
    labels: Sequence[str] = ()
    name: str | None = None  #: a part of the name, in upper or lower case

    def __post_init__(self) -> None:
        for status in self.statuses:
            if status not in set(JobStatus):
                raise _wrong("status", f"status must be among {', '.join(JobStatus)}; “{status}” is not.")

    @property
    def is_empty(self) -> bool:
        return not (self.types or self.statuses or self.created_by or self.labels or self.name)

    def fits(self, job: Facts) -> bool:
        return (
            (not self.types or job.type in self.types)
            and (not self.statuses or job.shown in self.statuses)
            and (self.created_by is None or job.created_by == self.created_by)
            and set(self.labels) <= set(job.labels)
            and (self.name is None or self.name.casefold() in (job.name or "").casefold())
        )


@dataclass(slots=True)
class BulkResult:
    action: str
    affected: int = 0
    skipped: list[tuple[str, str, str]] = field(default_factory=list)  #: (job id, code, status)

    def as_dict(self) -> dict[str, Any]:
        by_code = Counter(code for _, code, _ in self.skipped)
        counts = {"affected": self.affected, "skipped": len(self.skipped), "byCode": dict(sorted(by_code.items()))}
        shown = [_skipped(*entry) for entry in self.skipped[:SHOWN_SKIPPED]]
        return {"action": self.action, "affected": self.affected, "skipped": shown, "counts": counts}


class Bulk:
    def __init__(
        self,
        ledger: Ledger,
        removal: Removal,
        *,
        send: Callable[[Answer], None],
        patience_s: float = 2.0,
    ) -> None:
        self.ledger, self.removal, self.patience_s = ledger, removal, patience_s
        self.selection = Selection(ledger, patience_s)
        self._send = send

    def preview(
        self, action: str, *, ids: Sequence[str] | None = None, filter_: JobFilter | None = None
    ) -> dict[str, Any]:
        """What `act` would touch, frozen under a `previewId`. Nothing is changed. Raises InvalidParams, TooMany."""
        job_ids, jobs = self._choose(action, ids, filter_)
        skipped = [entry for job_id in job_ids if (entry := _why_not(action, job_id, jobs.get(job_id)))]
        left = {job_id for job_id, _, _ in skipped}
        touched = [jobs[job_id] for job_id in job_ids if job_id not in left]
        preview_id = keep_preview(self.ledger, action, [job.id for job in touched], patience_s=self.patience_s)
        first = [
            {"jobId": job.id, "type": job.type, "name": job.name, "status": job.shown.value}
            for job in touched[:SHOWN_FIRST]
        ]
        return {
            "action": action,
            "previewId": preview_id,
            "expiresAt": iso(self.ledger.now_ms() + KEPT_S * 1000),
            "count": len(touched),
            "byStatus": dict(sorted(Counter(job.shown.value for job in touched).items())),
            "byType": dict(sorted(Counter(job.type for job in touched).items())),
            "first": first,
            "skipped": [_skipped(*entry) for entry in skipped[:SHOWN_SKIPPED]],
            "skippedCount": len(skipped),
        }

    def act(
        self,
        action: str,
        *,
        ids: Sequence[str] | None = None,
        filter_: JobFilter | None = None,
        preview_id: str | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> BulkResult:
        """
        Raises:
            InvalidParams, TooMany: They select nothing that makes sense, or too much.
            NoPreview: It is unknown, too old, or of another act.
            ArchiveUnavailable: Of `delete`, when the bin cannot be written.
        """
        if preview_id is not None:
            job_ids = self._previewed(action, preview_id)
            jobs = self.selection.facts(job_ids)
        else:
            job_ids, jobs = self._choose(action, ids, filter_)
        # What leaves the line goes from its end: otherwise each gives its place, and a ticket, to one that goes next.
        leaving = action in {"cancel", "pause"}
        job_ids = sorted(job_ids, key=lambda job_id: jobs[job_id].turn if job_id in jobs else 0, reverse=leaving)
        result, act = BulkResult(action), uuid4().hex
        if action == "delete":
            taken = self.removal.take(job_ids, "delete", "ended", by=by, skip_bin=skip_bin)
            result.affected, result.skipped = taken.affected, taken.skipped
            return result
        for first in range(0, len(job_ids), AT_ONCE):
            self._some(action, act, job_ids[first : first + AT_ONCE], result)
        return result

    def _some(self, action: str, act: str, job_ids: Sequence[str], result: BulkResult) -> None:
        jobs = self.selection.facts(job_ids)
        wrong = {entry[0]: entry for job_id in job_ids if (entry := _why_not(action, job_id, jobs.get(job_id)))}
        result.skipped += wrong.values()
        chosen = [job_id for job_id in job_ids if job_id not in wrong]
        step, more = _STEPS[action]
        calls = [{"id": job_id, "token": uuid4().hex, "act": act, **more} for job_id in chosen]
        answers = self.ledger.steps(step, calls, patience_s=self.patience_s)
        tickets = []
        for job_id, answer in zip(chosen, answers, strict=True):
            tickets += answer.tickets
            if answer.state == "gone":
                result.skipped.append((job_id, "job_not_found", ""))
            elif answer.state == "refused":  # somebody else was quicker
                result.skipped.append((job_id, "wrong_status", answer.data["status"]))
            else:
                result.affected += 1
        if answers:
            self.ledger.wait_for_disk()
            self._send(Answer("ok", {}, tickets))

    def _choose(
        self, action: str, ids: Sequence[str] | None, filter_: JobFilter | None
    ) -> tuple[list[str], dict[str, Facts]]:
        if action not in ACTIONS:
            raise _wrong("action", f"action must be among {', '.join(ACTIONS)}; “{action}” is not.")
        if (ids is None) == (filter_ is None):
            raise _wrong("ids", "Give ids or a filter, and not both.")
        if ids is not None:
            job_ids = list(dict.fromkeys(ids))
            if not job_ids:
                raise _wrong("ids", "Name at least one job.")
            _at_most(len(job_ids), "ids")
            return job_ids, self.selection.facts(job_ids)
        assert filter_ is not None
        if filter_.is_empty:
            raise _wrong("filter", "Say at least one thing of the jobs that are meant, such as their type or status.")
        statuses = [JobStatus(status) for status in filter_.statuses]
        found = self.selection.listed(filter_.types, statuses, MOST_JOBS)
        _at_most(len(found), "filter")
        jobs = {job_id: job for job_id, job in self.selection.facts(found).items() if filter_.fits(job)}
        return list(jobs), jobs

    def _previewed(self, action: str, preview_id: str) -> list[str]:
        kept = read_preview(self.ledger, preview_id, patience_s=self.patience_s)
        if kept is None:
            message = f"There is no preview “{preview_id}” any more; they are kept for ten minutes. Ask for a new one."
            raise NoPreview(message, [Detail("previewId", "preview_not_found", message)])
        if kept[0] != action:
            message = f"This preview was made for {kept[0]}, not for {action}. Ask for a new one."
            raise NoPreview(message, [Detail("previewId", "other_action", message)])
        return kept[1]


_STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "retry": ("job_retry", {}),
    "cancel": ("job_cancel", {}),
    "pause": ("job_hold", {"held": True}),
    "resume": ("job_hold", {"held": False}),
}


def _why_not(action: str, job_id: str, job: Facts | None) -> tuple[str, str, str] | None:
    """(job id, code, status) of a job that this act would not change."""
    if job is None:
        return (job_id, "job_not_found", "")
    code = None
    if action in {"retry", "delete"}:
        if not job.status.is_final:
            code = "wrong_status"
        elif action == "retry" and not job.failed and not job.left:
            code = "nothing_to_retry"
    elif job.status.is_final:
        code = "wrong_status"
    elif job.is_stopping:
        code = "is_stopping"
    elif action == "pause" and job.is_held:
        code = "already_paused"
    elif action == "resume" and not job.is_held:
        code = "not_paused"
    return None if code is None else (job_id, code, job.shown.value)


def _skipped(job_id: str, code: str, status: str) -> dict[str, Any]:
    return {"jobId": job_id, "code": code, "status": status or None}


def _wrong(name: str, message: str) -> InvalidParams:
    return InvalidParams(message, [Detail(name, "invalid", message)])


def _at_most(count: int, name: str) -> None:
    if count > MOST_JOBS:
        message = f"One act takes at most {MOST_JOBS:,} jobs; name fewer, or narrow the filter."
        raise TooMany(message, [Detail(name, "too_many", message)])
