"""The front door: submit jobs, read them, wait for them, hear of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from ..archive.bin import Bin, BinEntry, BinPage
from ..archive.database import Archive
from ..errors import (
    Detail,
    DuplicateJob,
    InvalidParams,
    JobNotFound,
    StoreUnavailable,
    WrongStatus,
)
from ..files import FileStore
from ..job import FINAL, JobStatus, Priority
from ..registry import JobParams, JobType, Prepared, Registry, load_object, load_registry
from ..settings import Settings
from ..store.dead_letters import DeadLetterPage, DeadLetters
from ..store.events import EventLog
from ..store.gates import Gates
from ..store.jobs import JobPage, Jobs
from ..store.ledger import Answer, Ledger
from ..store.logins import Logins
from ..store.logs import LogPage, read_log
from .app import create_celery_app
from .bulk import Bulk, BulkResult, JobFilter
from .handle import Job
from .limits import QueueLimits
from .listeners import Listener, Listeners
from .removal import Removal
from .schedules import Schedules
from .submission import Options, Submission, removed
from .tickets import TicketOffice

log = logging.getLogger(__name__)


class QueueManager:
    """
    One system's jobs. Safe for threads.

    Every method may raise StoreUnavailable when Redis/Valkey does not answer within `patience_s`.
    """

    def __init__(self, settings: Settings, job_types: Registry | Iterable[JobType], *, patience_s: float = 2.0) -> None:
        self.settings = settings
        self.job_types = job_types if isinstance(job_types, Registry) else Registry(job_types)
        self.patience_s = patience_s
        self.ledger = Ledger(settings)
        self.files = FileStore.from_url(settings.storage_url)
        self._jobs = Jobs(self.ledger, patience_s)
        self._office = TicketOffice(create_celery_app(settings, self.job_types), settings)
        self._events = Listeners(self.ledger)
        self.limits = QueueLimits(self)
        self._archive = Archive(settings.database_url)
        self._removal = Removal(
            self.ledger,
            Bin(self._archive, settings.namespace),
            self.files,
            send=self.send,
            aside=self.aside,
            patience_s=patience_s,
        )
        self._bulk = Bulk(self.ledger, self._removal, send=self.send, patience_s=patience_s)

    @classmethod
    def from_env(cls, **overrides: Any) -> QueueManager:
        """From the environment; `overrides` replace single fields of Settings."""
        settings = Settings.from_env(**overrides)
        return cls(settings, load_registry(settings.job_types))

    # Submitting

    def add(
        self,
        params: JobParams,
        *,
        priority: str | int | Priority = Priority.NORMAL,
        created_by: str | None = None,
        name: str | None = None,
        labels: Sequence[str] = (),
        delay_s: float | None = None,
        run_at: datetime | None = None,
        deadline_s: float | None = None,
        unique: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """
        Submit a job. Its ids, a filter among them, are resolved now.

        Args:
            params: Of a registered type, such as `ImageGeneration(word_ids=[...])`.
            priority: `critical`, `high`, `normal`, `low`, or the guide's 1 to 4.
            delay_s: Not before so many seconds from now.
            run_at: Not before this time, which has a zone; one that has passed means at once.
            deadline_s: Seconds from now, also while it is held or delayed; over it the job ends as failed with
                `deadline_exceeded`, and what was done stays done.
            unique: Refuse it while a job of the type with the same parameters has not ended; None: as the type says.
            idempotency_key: The same key of the same `created_by` with the same request answers the first job, until
                24 hours after its end.

        Raises:
            UnknownType: These parameters belong to no registered type.
            InvalidParams: They do not make sense together; `details` name the fields.
            NoItems: They select nothing.
            DuplicateJob: With `unique`: names the other.
            IdempotencyConflict: The key was used for another request.
            JobRemoved: The key's job is not there any more.
        """
        options = Options(
            priority=priority,
            created_by=created_by,
            name=name,
            labels=labels,
            delay_s=delay_s,
            run_at=run_at,
            deadline_s=deadline_s,
            unique=unique,
            idempotency_key=idempotency_key,
        )
        receipt = self.submission(params, options).make()
        if receipt is None or receipt.job is None:
            raise JobNotFound("") if receipt is None else removed(receipt)
        return Job(self, receipt.job)

    def submission(
        self, params: JobParams, options: Options, *, contents: Mapping[str, str] | None = None
    ) -> Submission:
        """A request that can be asked about before it is made; see Submission."""
        return Submission(self, params, options, contents=contents)

    def parse(self, type_name: str, fields: Mapping[str, Any]) -> JobParams:
        """
        Parameters from camelCase JSON.

        Raises:
            UnknownType: With the known ones.
            InvalidParams: `details` name each field that does not fit.
        """
        job_type = self.job_types.get(type_name)
        try:
            return job_type.params.model_validate(fields)
        except ValidationError as error:
            details = [
                Detail(".".join(map(str, e["loc"])), e["type"], e["msg"].removeprefix("Value error, "))
                for e in error.errors(include_url=False, include_context=False, include_input=False)
            ]
            named = "; ".join(f"{d.field or 'body'}: {d.message}" for d in details[:3])
            raise InvalidParams(f"The parameters of {type_name} do not fit. {named}.", details) from None

    def prepare(self, job_type: JobType, params: JobParams) -> Prepared:
        """Resolve what the type resolves at submission. Raises BadRequest."""
        if job_type.prepare is None:
            return Prepared(params)
        prepared: Prepared = load_object(job_type.prepare)(params)
        return prepared

    # Reading

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        return Job(self, self._jobs.get(job_id))

    def jobs(
        self, *, types: Sequence[str] = (), statuses: Sequence[str | JobStatus] = (), page: int = 1, limit: int = 20
    ) -> JobPage:
        """A page of jobs, newest first. Raises UnknownType, ValueError for a status that does not exist."""
        for name in types:
            self.job_types.get(name)
        return self._jobs.page(types=types, statuses=[JobStatus(s) for s in statuses], page=page, limit=limit)

    def logs(self, job_id: str, *, after: int = 0, limit: int = 100) -> LogPage:
        """A part of the job's own log: `limit` lines at most after the one of that number. Raises JobNotFound."""
        return read_log(self.ledger, job_id, after=after, limit=limit, patience_s=self.patience_s)

    def stats(self) -> dict[str, Any]:
        """The `/stats` object of the contract, camelCase."""
        counts = self._jobs.counts(self.job_types.names)
        active = self._jobs.page(statuses=[JobStatus.ACTIVE], limit=100).items
        limits = self.limits.types()
        types: dict[str, Any] = {}
        for name, of_type in counts["types"].items():
            rates = [j.progress.items_per_second or 0.0 for j in active if j.type == name and j.in_hand]
            rate, left = round(sum(rates), 2), of_type["items_left"]
            types[name] = {status.value: of_type[status.value] for status in JobStatus} | {
                "isPaused": counts["gates"].is_shut(name),
                "itemsWaiting": left,
                "itemsPerSecond": rate,
                "etaSeconds": round(left / rate, 1) if rate and left else None,
                "held": counts["gates"].reason(name),
                **limits[name],
            }
        job_counts = {name: of_type["total"] for name, of_type in counts["types"].items()}
        everything: dict[str, Any] = counts["all"]
        return everything | {"isPaused": "all" in counts["gates"].names, "jobCounts": job_counts, "types": types}

    def gates(self) -> Gates:
        """What is held, and why where a breaker did it."""
        return self._jobs.gates()

    def workers(self) -> dict[str, dict[str, Any]]:
        """What the relay knows of each worker, by name."""
        key = self.ledger.keys("workers")
        stored = self.ledger.patiently(lambda: self.ledger.client.hgetall(key), self.patience_s)
        return {name.decode(): json.loads(known) for name, known in sorted(stored.items())}

    def slots(self) -> dict[str, dict[str, tuple[int, float]]]:
        """By job type: each worker that listens to its queue, with its slots and the seconds since it said so."""
        keys, client = self.ledger.keys, self.ledger.client

        def read() -> tuple[int, list[dict[bytes, bytes]]]:
            return self.ledger.now_ms(), [client.hgetall(keys("slots", name)) for name in self.job_types.names]

        now, stored = self.ledger.patiently(read, self.patience_s)
        return {
            name: {
                worker.decode(): (int(slots), round(max(0, now - int(at)) / 1000, 1))
                for worker, (slots, _, at) in ((w, said.decode().partition(":")) for w, said in of_type.items())
            }
            for name, of_type in zip(self.job_types.names, stored, strict=True)
        }

    def present(self, job_ids: Sequence[str]) -> set[str]:
        """Those of these jobs that are there: not removed, and not in the bin."""
        return self._removal.selection.present(job_ids)

    def dead_letters(self, *, page: int = 1, limit: int = 20) -> DeadLetterPage:
        """Messages that workers set aside because they could not be work, newest first."""
        return DeadLetters(self.ledger).page(page, limit, patience_s=self.patience_s)

    @property
    def event_log(self) -> EventLog:
        return EventLog(self.ledger)

    @property
    def schedules(self) -> Schedules:
        """The table of jobs that come by themselves."""
        return Schedules(self)

    # Steering

    def cancel(self, job_id: str) -> Job:
        """
        Stop a job: at once if it never began, else when its chunks have ended. What was done stays done.

        Raises:
            JobNotFound
            WrongStatus: It has ended.
        """
        return self._steer("job_cancel", job_id, "only a job that has not ended can be cancelled")

    def pause(self, job_id: str) -> Job:
        """Hold a job where it is; what is in hand ends first. Raises JobNotFound, WrongStatus."""
        return self._steer("job_hold", job_id, "only a job that has not ended can be paused", held=True)

    def resume(self, job_id: str) -> Job:
        """Let a held job go on where it was, with the turn that it had. Raises JobNotFound, WrongStatus."""
        return self._steer("job_hold", job_id, "only a job that has not ended can be resumed", held=False)

    def pause_all(self, type_name: str | None = None) -> bool:
        """
        Hold everything, or one type: no further chunk is begun, by workers that start later either.

        Answers whether that was not so before. Raises UnknownType.
        """
        return self._set_gate(type_name, shut=True)

    def resume_all(self, type_name: str | None = None) -> bool:
        """Take that hold off; jobs go on by priority and turn. What was held apart stays held. Raises UnknownType."""
        return self._set_gate(type_name, shut=False)

    def retry(self, job_id: str, *, codes: Sequence[str] | None = None) -> Job:
        """
        Run an ended job again: just what failed or was not done, with a fresh number of tries.

        Args:
            codes: Only failures with one of these codes, and what was not tried.

        Raises:
            JobNotFound
            WrongStatus: It has not ended, or there is nothing to do again.
            DuplicateJob: It has its parameters to itself, and another job took them meanwhile.
        """
        why = "only a job that has ended with something failed or not done can be retried"
        return self._steer("job_retry", job_id, why, codes=None if codes is None else list(codes))

    def promote(self, job_id: str) -> Job:
        """Let a delayed job run now. Raises JobNotFound, WrongStatus (not delayed, or begun before)."""
        return self._steer("job_promote", job_id, "only a delayed job that never began can be promoted")

    def set_priority(self, job_id: str, priority: str | int | Priority) -> Job:
        """Give a job another priority; its turn stays. Raises JobNotFound, WrongStatus, InvalidParams."""
        level = self._priority(priority)
        why = "only a job that has not ended can get another priority"
        return self._steer("job_priority", job_id, why, priority=int(level))

    # Removal

    def remove(self, job_id: str, *, by: str | None = None, skip_bin: bool = False) -> BinEntry | None:
        """
        Take an ended job away. It can be restored for 24 hours, files and all.

        Args:
            by: Who does it, for the bin's list.
            skip_bin: Take it away for good, with its files, and answer None.

        Raises:
            JobNotFound
            WrongStatus: It has not ended.
            ArchiveUnavailable: The bin cannot be written; nothing was removed.
        """
        entry = self._removal.remove(job_id, by=by, skip_bin=skip_bin)
        self.ledger.wait_for_disk()
        return entry

    def clean(
        self,
        *,
        grace_s: float,
        status: str | JobStatus = JobStatus.COMPLETED,
        limit: int | None = None,
        type_name: str | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> int:
        """
        Take away jobs that ended in a status at least `grace_s` seconds ago, oldest first. Answers how many.

        Args:
            limit: Not more than so many.
            type_name: Only of this type.
            skip_bin: Take them away for good, with their files; else they can be restored for 24 hours.

        Raises:
            InvalidParams: `status` is none that a job can end in, or `grace_s` or `limit` makes no sense.
            UnknownType
            ArchiveUnavailable: The bin cannot be written; what was removed before is in it.
        """
        ended = _check_clean(grace_s, status, limit)
        return self._removal.clean(
            status=ended,
            before_ms=self.now_ms() - round(grace_s * 1000),
            limit=limit,
            type_name=type_name and self.job_types.get(type_name).name,
            by=by,
            skip_bin=skip_bin,
        )

    def empty(
        self,
        *,
        type_name: str | None = None,
        delayed: bool = False,
        limit: int | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> int:
        """
        Take away jobs that never began, held ones too; what is held stays held. Answers how many.

        Args:
            delayed: Those that wait for a time as well.
            limit: Not more than so many, the newest first.

        Raises: as `clean`.
        """
        _check_limit(limit)
        return self._removal.empty(
            type_name=type_name and self.job_types.get(type_name).name,
            delayed=delayed,
            limit=limit,
            by=by,
            skip_bin=skip_bin,
        )

    def action(self, action: str, type_name: str | None = None, **options: Any) -> int:
        """
        `pause`, `resume`, `clean` or `empty` of a type or everything; options are those of the method of that name.

        Answers how many jobs were removed; of a pause or resume, 1 when that was not so before.
        """
        match action:
            case "pause":
                return int(self.pause_all(type_name, **options))
            case "resume":
                return int(self.resume_all(type_name, **options))
            case "clean":
                return self.clean(type_name=type_name, **options)
            case "empty":
                return self.empty(type_name=type_name, **options)
        message = f"action must be among pause, resume, clean, empty; “{action}” is not."
        raise InvalidParams(message, [Detail("action", "invalid", message)])

    def bin(self, *, types: Sequence[str] = (), page: int = 1, limit: int = 20) -> BinPage:
        """What was removed by hand in the last 24 hours, the last removed first. Raises ArchiveUnavailable."""
        return self._removal.page(types=types, page=page, limit=limit)

    def in_bin(self, job_id: str) -> bool:
        """Whether the bin keeps this job, and so its files. Raises ArchiveUnavailable."""
        return bool(self.aside(self._removal.bin.holds, [job_id]))

    def restore(self, job_id: str) -> Job:
        """
        Put a removed job back: the same id, turn, items and counts. One that had not ended goes on, unless it is held.

        Raises:
            NotInBin: It is not there, or not any more.
            WrongStatus: Somebody else restored it meanwhile.
            ArchiveUnavailable
        """
        self._removal.restore(job_id)
        return self.get(job_id)

    def bulk(
        self,
        action: str,
        *,
        ids: Sequence[str] | None = None,
        filter: JobFilter | None = None,
        preview_id: str | None = None,
        by: str | None = None,
        skip_bin: bool = False,
    ) -> BulkResult:
        """
        `retry`, `cancel`, `delete`, `pause` or `resume` many jobs; what does not fit a job's state skips it.

        Args:
            ids: These jobs; or `filter`: all that fit; or `preview_id`: those that `bulk_preview` showed.

        Raises:
            InvalidParams, TooMany: They select nothing that makes sense, or more than 100,000 jobs.
            NoPreview: It is unknown, older than ten minutes, or of another act.
            ArchiveUnavailable: Of `delete`.
        """
        return self._bulk.act(action, ids=ids, filter_=filter, preview_id=preview_id, by=by, skip_bin=skip_bin)

    def bulk_preview(
        self, action: str, *, ids: Sequence[str] | None = None, filter: JobFilter | None = None
    ) -> dict[str, Any]:
        """What `bulk` would touch, as the API answers it, with a `previewId` that stands for just those jobs."""
        return self._bulk.preview(action, ids=ids, filter_=filter)

    def aside(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run what blocks: the bin's database, files. A server with a loop of its own puts it elsewhere."""
        return call(*arguments, **options)

    # Hearing

    def on(self, event: str, handler: Listener) -> Callable[[], None]:
        """
        Call `handler` for each event of that name from now on (`*`: of any), on one daemon thread.

        Needs no worker in this process. Answers a function that takes the handler off.
        """
        return self._events.add(event, handler)

    def off(self, event: str, handler: Listener) -> None:
        self._events.remove(event, handler)

    def redeem_login(self, token: str) -> str | None:
        """The role that a one-time sign-in link gives, once. None if it is unknown, used or too old."""
        return Logins(self.ledger).redeem(token)

    def close(self) -> None:
        """Stop listening and let go of connections."""
        self._events.close()
        self._office.app.close()
        self._archive.close()
        self.ledger.client.close()

    def _set_gate(self, type_name: str | None, *, shut: bool) -> bool:
        gate = "all" if type_name is None else f"type:{self.job_types.get(type_name).name}"
        return bool(self.act("gate_set", token=uuid4().hex, gate=gate, shut=shut).data["changed"])

    def act(self, step: str, **arguments: Any) -> Answer:
        """Make a step of the ledger that must outlive a power cut, and send its tickets."""
        answer = self.ledger.step(step, patience_s=self.patience_s, **arguments)
        self.ledger.wait_for_disk()
        self.send(answer)
        return answer

    def _steer(self, step: str, job_id: str, why_not: str, **arguments: Any) -> Job:
        answer = self.ledger.step(step, patience_s=self.patience_s, id=job_id, token=uuid4().hex, **arguments)
        self._answered(answer, job_id, why_not)
        self.ledger.wait_for_disk()
        self.send(answer)
        return self.get(job_id)

    @staticmethod
    def _answered(answer: Answer, job_id: str, why_not: str) -> None:
        if answer.state == "gone":
            raise JobNotFound(job_id)
        if answer.state == "refused":
            raise WrongStatus(job_id, answer.data["status"], why_not)
        if answer.state == "duplicate":
            raise DuplicateJob(answer.data["job"], answer.data["status"])

    @staticmethod
    def _priority(priority: str | int | Priority) -> Priority:
        try:
            return Priority.parse(priority)
        except ValueError as error:
            raise InvalidParams(str(error), [Detail("priority", "invalid", str(error))]) from None

    def now_ms(self) -> int:
        """By the server's clock."""
        now: int = self.ledger.patiently(self.ledger.now_ms, self.patience_s)
        return now

    def send(self, answer: Answer) -> None:
        """Send the tickets that a step gave."""
        if sent := self._office.send(answer.tickets):
            try:
                self.ledger.step("ticket_sent", patience_s=self.patience_s, sent=sent)
            except StoreUnavailable:  # it stays in the outbox and is sent once more; a double is harmless
                log.info("a sent ticket could not be told to the ledger")


LONGEST_GRACE_S = 10 * 365 * 86_400.0
HIGHEST_LIMIT = 10_000_000


def _check_limit(limit: object) -> None:
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= HIGHEST_LIMIT):
        return
    message = f"limit must be a whole number from 1 to {HIGHEST_LIMIT:,}."
    raise InvalidParams(message, [Detail("limit", "out_of_range", message)])


def _check_clean(grace_s: object, status: str | JobStatus, limit: object) -> JobStatus:
    """Raises InvalidParams that names what makes no sense."""
    _check_limit(limit)
    is_number = isinstance(grace_s, int | float) and not isinstance(grace_s, bool)
    if not is_number or not 0 <= grace_s <= LONGEST_GRACE_S:  # type: ignore[operator]
        message = "grace must be from 0 seconds to ten years."
        raise InvalidParams(message, [Detail("grace", "out_of_range", message)])
    if status not in FINAL:
        message = f"status must be completed, failed or cancelled; “{status}” is not; empty takes jobs that wait."
        raise InvalidParams(message, [Detail("status", "invalid", message)])
    return JobStatus(status)
