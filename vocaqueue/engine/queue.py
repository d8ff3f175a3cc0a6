"""The front door: submit jobs, read them, wait for them, hear of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from ..errors import (
    Detail,
    InvalidParams,
    JobNotFound,
    NoItems,
    StoreUnavailable,
    WrongStatus,
)
from ..files import FileStore
from ..job import JobStatus, Priority
from ..registry import JobParams, JobType, Prepared, Registry, load_object, load_registry
from ..settings import Settings
from ..store.dead_letters import DeadLetterPage, DeadLetters
from ..store.events import EventLog
from ..store.items import write_blocks
from ..store.jobs import JobPage, Jobs, is_shut
from ..store.ledger import Answer, Ledger
from ..store.logins import Logins
from .app import create_celery_app
from .handle import Job
from .listeners import Listener, Listeners
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
    ) -> Job:
        """
        Submit a job. Its ids, a filter among them, are resolved now.

        Args:
            params: Of a registered type, such as `ImageGeneration(word_ids=[...])`.
            priority: `critical`, `high`, `normal`, `low`, or the guide's 1 to 4.
            delay_s: Not before so many seconds from now.

        Raises:
            UnknownType: These parameters belong to no registered type.
            InvalidParams: They do not make sense together; `details` name the fields.
            NoItems: They select nothing.
        """
        job_type = self.job_types.of(params)
        level = self._priority(priority)
        _check_general(name, labels, delay_s)
        prepared = self.prepare(job_type, params)
        ids = self._ids(job_type, prepared.params)
        kept = prepared.params.model_dump(
            mode="json", by_alias=True, exclude={job_type.items} if job_type.items else None
        )
        job_id = f"{job_type.name}-{uuid4().hex[:12]}"
        if ids is not None:
            write_blocks(self.ledger, f"new:{job_id}", ids, patience_s=self.patience_s)
        answer = self.ledger.step(
            "job_create",
            patience_s=self.patience_s,
            id=job_id,
            type=job_type.name,
            priority=int(level),
            params=json.dumps(kept, ensure_ascii=False),
            name=name,
            labels=json.dumps(list(labels), ensure_ascii=False) if labels else None,
            warnings=json.dumps(list(prepared.warnings), ensure_ascii=False) if prepared.warnings else None,
            created_by=created_by,
            total=None if ids is None else len(ids),
            blocks=None if ids is None else f"new:{job_id}",
            attempts=job_type.limits.attempts,
            backoff_ms=round(job_type.limits.backoff_s * 1000),
            run_at=None if delay_s is None else self._now_ms() + round(delay_s * 1000),
        )
        if answer.state == "no_blocks":
            raise StoreUnavailable("the job's items were forgotten while it was being submitted; submit it again")
        self.ledger.wait_for_disk()
        self._send(answer)
        return self.get(job_id)

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

    def stats(self) -> dict[str, Any]:
        """The `/stats` object of the contract, camelCase."""
        counts = self._jobs.counts(self.job_types.names)
        active = self._jobs.page(statuses=[JobStatus.ACTIVE], limit=100).items
        types: dict[str, Any] = {}
        for name, of_type in counts["types"].items():
            rates = [j.progress.items_per_second or 0.0 for j in active if j.type == name and j.in_hand]
            rate, left = round(sum(rates), 2), of_type["items_left"]
            types[name] = {status.value: of_type[status.value] for status in JobStatus} | {
                "isPaused": is_shut(name, counts["gates"]),
                "itemsWaiting": left,
                "itemsPerSecond": rate,
                "etaSeconds": round(left / rate, 1) if rate and left else None,
            }
        job_counts = {name: of_type["total"] for name, of_type in counts["types"].items()}
        everything: dict[str, Any] = counts["all"]
        return everything | {"isPaused": "all" in counts["gates"], "jobCounts": job_counts, "types": types}

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

    def dead_letters(self, *, page: int = 1, limit: int = 20) -> DeadLetterPage:
        """Messages that workers set aside because they could not be work, newest first."""
        return DeadLetters(self.ledger).page(page, limit, patience_s=self.patience_s)

    @property
    def event_log(self) -> EventLog:
        return EventLog(self.ledger)

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

    def remove(self, job_id: str) -> None:
        """Take an ended job away, and the files it made. Raises JobNotFound, WrongStatus."""
        self._answered(
            self.ledger.step("job_remove", patience_s=self.patience_s, id=job_id),
            job_id,
            "only a job that has ended can be removed; cancel it first",
        )
        self.files.remove(f"jobs/{job_id}")

    def clean(self, *, grace_s: float, status: str | JobStatus = JobStatus.COMPLETED, limit: int = 10_000) -> int:
        """
        Take away jobs that ended in a status at least `grace_s` seconds ago, oldest first. Answers how many.

        Raises:
            ValueError: `status` is none that a job can end in, or `grace_s` is negative.
        """
        ended = JobStatus(status)
        if not ended.is_final or grace_s < 0:
            raise ValueError("status must be completed, failed or cancelled, and grace_s 0 or more")
        before = self.ledger.now_ms() - round(grace_s * 1000)
        removed = 0
        while removed < limit:
            found = self._jobs.ended_before(ended, before, min(500, limit - removed))
            for job_id in found:
                self.ledger.step("job_remove", patience_s=self.patience_s, id=job_id)
                self.files.remove(f"jobs/{job_id}")
            removed += len(found)
            if not found:
                break
        return removed

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
        self.ledger.client.close()

    def _ids(self, job_type: JobType, params: JobParams) -> list[str] | None:
        if job_type.items is None:
            return None
        ids = list(dict.fromkeys(getattr(params, job_type.items) or ()))
        if not ids:
            field = type(params).model_fields[job_type.items].alias or job_type.items
            raise NoItems("The job has no items.", [Detail(field, "no_items", "Name at least one item.")])
        return ids

    def _set_gate(self, type_name: str | None, *, shut: bool) -> bool:
        name = "" if type_name is None else self.job_types.get(type_name).name
        answer = self.ledger.step("gate_set", patience_s=self.patience_s, type=name, shut=shut)
        self.ledger.wait_for_disk()
        self._send(answer)
        return bool(answer.data["changed"])

    def _steer(self, step: str, job_id: str, why_not: str, **arguments: Any) -> Job:
        answer = self.ledger.step(step, patience_s=self.patience_s, id=job_id, token=uuid4().hex, **arguments)
        self._answered(answer, job_id, why_not)
        self.ledger.wait_for_disk()
        self._send(answer)
        return self.get(job_id)

    @staticmethod
    def _answered(answer: Answer, job_id: str, why_not: str) -> None:
        if answer.state == "gone":
            raise JobNotFound(job_id)
        if answer.state == "refused":
            raise WrongStatus(job_id, answer.data["status"], why_not)

    @staticmethod
    def _priority(priority: str | int | Priority) -> Priority:
        try:
            return Priority.parse(priority)
        except ValueError as error:
            raise InvalidParams(str(error), [Detail("priority", "invalid", str(error))]) from None

    def _now_ms(self) -> int:
        now: int = self.ledger.patiently(self.ledger.now_ms, self.patience_s)
        return now

    def _send(self, answer: Answer) -> None:
        if sent := self._office.send(answer.tickets):
            try:
                self.ledger.step("ticket_sent", patience_s=self.patience_s, sent=sent)
            except StoreUnavailable:  # it stays in the outbox and is sent once more; a double is harmless
                log.info("a sent ticket could not be told to the ledger")


def _check_general(name: object, labels: object, delay_s: object) -> None:
    """Raises InvalidParams that names what does not fit."""
    wrong = []
    if name is not None and not isinstance(name, str):
        wrong.append(Detail("name", "invalid", "name must be a text"))
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):  # type: ignore[attr-defined]
        wrong.append(Detail("labels", "invalid", "labels must be a list of texts"))
    if delay_s is not None and not (isinstance(delay_s, int | float) and 0 <= delay_s < float("inf")):
        wrong.append(Detail("delay", "invalid", "delay must be seconds, 0 or more"))
    if wrong:
        raise InvalidParams("; ".join(detail.message for detail in wrong) + ".", wrong)
