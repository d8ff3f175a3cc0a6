"""Submitting a job: what may be asked for, and whether it was asked for before."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import (
    BadRequest,
    Detail,
    DuplicateJob,
    IdempotencyConflict,
    InvalidParams,
    JobNotFound,
    JobRemoved,
    NoItems,
    StoreUnavailable,
    VocaqueueError,
)
from ..estimate import Forecast
from ..job import JobRecord, Priority
from ..registry import JobParams, JobType, Prepared
from ..store.items import write_blocks

if TYPE_CHECKING:
    from ..store.ledger import Answer
    from .queue import QueueManager

FARTHEST_S = 10 * 365 * 86_400  #: no delay and no deadline is longer
KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")  #: an idempotency key: printable ASCII, 255 at most


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request."""

    job_id: str
    type: str
    job: JobRecord | None  #: None: it was removed since
    is_new: bool  #: False: the answer to the same request before, under the same idempotency key


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    What a job may be given beside the parameters of its type.

    Raises:
        InvalidParams: A value makes no sense; `details` name the fields as they are called over HTTP.
    """

    priority: str | int | Priority = Priority.NORMAL
    created_by: str | None = None
    name: str | None = None
    labels: Sequence[str] = ()
    delay_s: float | None = None
    run_at: datetime | None = None
    deadline_s: float | None = None
    unique: bool | None = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        wrong = [*self._wrong_texts(), *self._wrong_times()]
        try:
            Priority.parse(self.priority)
        except ValueError as error:
            wrong.append(Detail("priority", "invalid", str(error)))
        if self.unique is not None and not isinstance(self.unique, bool):
            wrong.append(Detail("unique", "invalid", "unique must be true or false"))
        if self.idempotency_key is not None and not (
            isinstance(self.idempotency_key, str) and KEY.fullmatch(self.idempotency_key)
        ):
            said = "Idempotency-Key must be 1 to 255 printable ASCII characters, with no space at either end"
            wrong.append(Detail("Idempotency-Key", "invalid", said))
        if wrong:
            raise InvalidParams("; ".join(detail.message for detail in wrong) + ".", wrong)

    def _wrong_texts(self) -> list[Detail]:
        wrong = []
        if self.name is not None and not isinstance(self.name, str):
            wrong.append(Detail("name", "invalid", "name must be a text"))
        if isinstance(self.labels, str) or not all(isinstance(label, str) for label in self.labels):
            wrong.append(Detail("labels", "invalid", "labels must be a list of texts"))
        return wrong

    def _wrong_times(self) -> list[Detail]:
        wrong = []
        if self.delay_s is not None and not _is_number(self.delay_s, 0):
            wrong.append(Detail("delay", "invalid", "delay must be seconds from 0 to ten years"))
        if self.deadline_s is not None and (not _is_number(self.deadline_s, 0) or round(self.deadline_s * 1000) < 1):
            wrong.append(Detail("deadlineSeconds", "invalid", "deadlineSeconds must be above 0, ten years at most"))
        if self.run_at is not None and not (isinstance(self.run_at, datetime) and self.run_at.tzinfo is not None):
            wrong.append(Detail("runAt", "invalid", "runAt must be a time with a zone, such as 2030-01-31T09:00:00Z"))
        if wrong:
            return wrong
        if self.delay_s is not None and self.run_at is not None:
            return [Detail("runAt", "delay_or_run_at", "Give delay or runAt, not both")]
        wait_s = self._wait_s()
        if wait_s > FARTHEST_S:
            return [Detail("runAt", "too_far", "runAt is more than ten years away")]
        if self.deadline_s is not None and wait_s and self.deadline_s <= wait_s:
            said = (
                "deadlineSeconds counts from now, so it must be later than the time before which the job may not start"
            )
            return [Detail("deadlineSeconds", "deadline_before_start", said)]
        return []

    def _wait_s(self) -> float:
        if self.run_at is None:
            return float(self.delay_s or 0)
        return max(0.0, (self.run_at - datetime.now(UTC)).total_seconds())

    def run_at_ms(self, now_ms: int) -> int | None:
        """Not before this time of the server's clock."""
        if self.run_at is not None:
            return round(self.run_at.timestamp() * 1000)
        return None if self.delay_s is None else now_ms + round(self.delay_s * 1000)

    def asked_for(self) -> dict[str, Any]:
        """What makes two requests the same, in one spelling."""
        return {
            "priority": int(Priority.parse(self.priority)),
            "name": self.name,
            "labels": list(self.labels),
            "delay": None if self.delay_s is None else float(self.delay_s),
            "runAt": None if self.run_at is None else self.run_at.timestamp(),
            "deadlineSeconds": None if self.deadline_s is None else float(self.deadline_s),
            "unique": self.unique,
        }


def _is_number(value: object, least: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= FARTHEST_S
    )


class Submission:
    """
    One request for a job.

    Args:
        contents: Digests to compare in place of fields whose values say nothing about what is asked for, such as the
            id of an upload; by the fields' names in JSON.
    """

    def __init__(
        self,
        queue: QueueManager,
        params: JobParams,
        options: Options,
        *,
        contents: Mapping[str, str] | None = None,
    ) -> None:
        self.queue, self.params, self.options = queue, params, options
        self.job_type: JobType = queue.job_types.of(params)
        self._contents = dict(contents or {})
        self._idem = self._body = None
        if options.idempotency_key is not None:
            self._idem = digest(["key", options.created_by or "", options.idempotency_key])
            self._body = digest([self.job_type.name, self._compared(params), options.asked_for()])
        self._resolved: tuple[Prepared, list[str] | None] | None = None

    @property
    def is_unique(self) -> bool:
        """Whether no other unended job may have its parameters."""
        return self.job_type.unique if self.options.unique is None else self.options.unique

    def check(self) -> str | None:
        """
        All that can be wrong with it, before anything is made; what it selects is resolved here, once.

        Returns:
            What no other unended job may have, where it is unique.

        Raises:
            BadRequest, IdempotencyConflict, DuplicateJob, StoreUnavailable
        """
        if self.seen_before():
            return None
        prepared, _ids = self.resolve()
        if not self.is_unique:
            return None
        own = digest(self._compared(prepared.params))
        if holder := self._holder(own):
            raise DuplicateJob(holder.id, holder.status.value)
        return f"{self.job_type.name} {own}"

    def forecast(self) -> Forecast:
        """What it would come to. Raises what `make` does; nothing is written."""
        from .estimating import forecast

        return forecast(self)

    def resolve(self) -> tuple[Prepared, list[str] | None]:
        """The prepared parameters and the items' ids, if it is given ids; found once."""
        if self._resolved is None:
            prepared = self.queue.prepare(self.job_type, self.params)
            self._resolved = prepared, item_ids(self.job_type, prepared.params)
        return self._resolved

    def _holder(self, own: str) -> JobRecord | None:
        """The unended job that has these parameters."""
        ledger = self.queue.ledger
        key = ledger.keys("unique", self.job_type.name)
        if found := ledger.patiently(lambda: ledger.client.hget(key, own), self.queue.patience_s):
            with suppress(JobNotFound):
                job = self.queue.get(found.decode()).record
                return None if job.status.is_final else job
        return None

    def seen_before(self) -> Receipt | None:
        """
        The job of the same request, if there was one. Asked before a filter is resolved or a file is kept.

        Raises:
            IdempotencyConflict: The key was used for something else.
        """
        if self._idem is None:
            return None
        ledger = self.queue.ledger
        key = ledger.keys("idempotency", self._idem)
        known = ledger.patiently(lambda: ledger.client.hmget(key, "job", "body", "type"), self.queue.patience_s)
        if known[0] is None:
            return None
        job_id, body, kind = (value.decode() for value in known)
        if body != self._body:
            raise IdempotencyConflict(job_id)
        return self._receipt(job_id, kind, is_new=False)

    def make(
        self, job_id: str | None = None, *, schedule_id: str | None = None, due_ms: int | None = None
    ) -> Receipt | None:
        """
        Make the job, or find the one that there is.

        Args:
            job_id: The same for each try to make the same job.
            schedule_id: Of the schedule that it is a run of.
            due_ms: When that run was due. None is answered when that run has its job, or its schedule is gone.

        Raises:
            BadRequest, IdempotencyConflict, DuplicateJob, StoreUnavailable
        """
        if seen := self.seen_before():
            return seen
        queue, options, job_type = self.queue, self.options, self.job_type
        prepared, ids = self.resolve()
        kept = queue.secrets.dump(prepared.params, exclude={job_type.items} if job_type.items else None)
        job_id = job_id or f"{job_type.name}-{uuid4().hex[:12]}"
        blocks = None if ids is None else f"new:{job_id}:{uuid4().hex[:8]}"
        if ids is not None and blocks is not None:
            write_blocks(queue.ledger, blocks, ids, patience_s=queue.patience_s)
        now_ms = queue.now_ms() if options.delay_s is not None else 0
        answer = queue.ledger.step(
            "job_create",
            patience_s=queue.patience_s,
            id=job_id,
            type=job_type.name,
            priority=int(Priority.parse(options.priority)),
            params=json.dumps(kept, ensure_ascii=False),
            name=options.name,
            labels=json.dumps(list(options.labels), ensure_ascii=False) if options.labels else None,
            warnings=json.dumps(list(prepared.warnings), ensure_ascii=False) if prepared.warnings else None,
            created_by=options.created_by,
            total=None if ids is None else len(ids),
            blocks=blocks,
            attempts=job_type.limits.attempts,
            backoff_ms=round(job_type.limits.backoff_s * 1000),
            run_at=options.run_at_ms(now_ms),
            deadline_ms=None if options.deadline_s is None else round(options.deadline_s * 1000),
            idem=self._idem,
            body=self._body,
            unique=digest(self._compared(prepared.params)) if self.is_unique else None,
            schedule=schedule_id,
            due=due_ms,
        )
        return self._answered(answer, job_id)

    def _answered(self, answer: Answer, job_id: str) -> Receipt | None:
        match answer.state:
            case "fired":
                return None
            case "no_blocks":
                raise StoreUnavailable("the job's items were forgotten while it was being submitted; submit it again")
            case "duplicate":
                raise DuplicateJob(answer.data["job"], answer.data["status"])
            case "conflict":
                raise IdempotencyConflict(answer.data["job"])
        self.queue.ledger.wait_for_disk()
        if answer.state == "repeated":
            return self._receipt(answer.data["job"], answer.data["type"], is_new=False)
        self.queue.send(answer)
        return self._receipt(job_id, self.job_type.name, is_new=True)

    def _receipt(self, job_id: str, kind: str, *, is_new: bool) -> Receipt:
        try:
            return Receipt(job_id, kind, self.queue.get(job_id).record, is_new)
        except JobNotFound:
            return Receipt(job_id, kind, None, is_new)

    def _compared(self, params: JobParams) -> dict[str, Any]:
        """The parameters in one spelling; the order of ids does not matter."""
        spelled = self.queue.secrets.fingerprint(params) | self._contents
        if self.job_type.items is not None:
            field = type(params).model_fields[self.job_type.items].alias or self.job_type.items
            spelled[field] = sorted(set(spelled[field] or ()))
        return spelled


def check_all(submissions: Sequence[Submission]) -> None:
    """
    Check all of several, so that either each can be made or none is.

    Raises:
        InvalidParams: `details` name each by its number, from 0, and the field.
        IdempotencyConflict, DuplicateJob, StoreUnavailable
    """
    wrong: list[Detail] = []
    owners: dict[str, int] = {}
    for number, submission in enumerate(submissions):
        try:
            own = submission.check()
        except BadRequest as error:
            details = error.details or (Detail("", error.code, error.message),)
            wrong += [Detail(f"{number}.{d.field}".rstrip("."), d.code, d.message) for d in details]
            continue
        if own is not None and owners.setdefault(own, number) != number:
            said = f"has the same parameters as number {owners[own]}, and may not"
            wrong.append(Detail(str(number), "duplicate_job", said))
    if wrong:
        said = "; ".join(f"{detail.field}: {detail.message}" for detail in wrong[:3])
        raise InvalidParams(f"None of the jobs was made. {said}", wrong)


def removed(receipt: Receipt) -> VocaqueueError:
    """What is raised where a job is demanded and there is none any more."""
    return JobNotFound(receipt.job_id) if receipt.is_new else JobRemoved(receipt.job_id)


def item_ids(job_type: JobType, params: JobParams) -> list[str] | None:
    """The job's items, each once; None where a plan finds them. Raises NoItems."""
    if job_type.items is None:
        return None
    ids = list(dict.fromkeys(getattr(params, job_type.items) or ()))
    if not ids:
        field = type(params).model_fields[job_type.items].alias or job_type.items
        raise NoItems("The job has no items.", [Detail(field, "no_items", "Name at least one item.")])
    return ids


def digest(value: Any) -> str:
    """Of a value's one spelling as JSON."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
