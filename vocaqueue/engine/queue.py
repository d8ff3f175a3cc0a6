"""The front door: submit jobs, read them, steer them, wait for them, hear of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ..errors import Detail, InvalidParams, JobNotFound
from ..estimate import Forecast
from ..field_errors import details_of
from ..job import Priority
from ..registry import JobParams, JobType, Prepared, Registry, load_object, load_registry
from ..settings import Settings
from ..store.logins import Logins
from .audit import Audit
from .finding import Finding
from .handle import Job
from .keys import KeyStore
from .limits import QueueLimits
from .listeners import Listener, Listeners
from .reading import Reading
from .removing import Removing
from .schedules import Schedules
from .steering import Steering
from .submission import Options, Submission, check_all, removed


class QueueManager(Finding, Reading, Steering, Removing):
    """
    One system's jobs. Safe for threads.

    Every method may raise StoreUnavailable when Redis/Valkey does not answer within `patience_s`.
    """

    def __init__(self, settings: Settings, job_types: Registry | Iterable[JobType], *, patience_s: float = 2.0) -> None:
        super().__init__(settings, job_types, patience_s=patience_s)
        self._events = Listeners(self.ledger)
        self.audit = Audit(self)  #: who did what
        self.keys = KeyStore(self, self._archive, self.audit)  #: API keys
        self.limits = QueueLimits(self)  #: what may run how fast
        self.schedules = Schedules(self)  #: the table of jobs that come by themselves

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
        return self._made(self.submission(params, options))

    def add_many(self, jobs: Iterable[JobParams | tuple[JobParams, Mapping[str, Any]]], **options: Any) -> list[Job]:
        """
        Submit several jobs. All are checked first, what they select is resolved: if one is wrong, none is made.

        Args:
            jobs: Parameters, each alone or with options of its own.
            options: As of `add`, for all. An `idempotency_key` is of the whole call: each job's own is made from it and
                the job's number, so that the same call again finds the same jobs.

        Raises:
            InvalidParams: `details` name what is wrong by the job's number, from 0, and the field.
            UnknownType, IdempotencyConflict, DuplicateJob: None was made.
            StoreUnavailable: Those made so far stay; with an idempotency key the call can be made again.
        """
        submissions = []
        for number, given in enumerate(jobs):
            params, own = given if isinstance(given, tuple) else (given, {})
            if "idempotency_key" not in own and options.get("idempotency_key") is not None:
                own = {**own, "idempotency_key": f"{options['idempotency_key']}/{number}"}
            submissions.append(self._numbered(number, params, options | dict(own)))
        check_all(submissions)
        return [self._made(submission) for submission in submissions]

    def _numbered(self, number: int, params: JobParams, options: Mapping[str, Any]) -> Submission:
        try:
            return self.submission(params, Options(**options))
        except InvalidParams as error:
            details = [Detail(f"{number}.{detail.field}", detail.code, detail.message) for detail in error.details]
            raise InvalidParams(f"None of the jobs was made. {number}: {error.message}", details) from None

    def _made(self, submission: Submission) -> Job:
        receipt = submission.make()
        if receipt is None or receipt.job is None:
            raise JobNotFound("") if receipt is None else removed(receipt)
        return Job(self, receipt.job)

    def submission(
        self, params: JobParams, options: Options, *, contents: Mapping[str, str] | None = None
    ) -> Submission:
        """A request that can be asked about before it is made; see Submission."""
        return Submission(self, params, options, contents=contents)

    def estimate(self, params: JobParams, **options: Any) -> Forecast:
        """
        What `add` with the same arguments would come to: items, seconds, dollars, warnings. Nothing is written.

        Raises:
            What `add` raises.
        """
        return self.submission(params, Options(**options)).forecast()

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
            details = details_of(error)
            named = "; ".join(f"{d.field or 'body'}: {d.message}" for d in details[:3])
            raise InvalidParams(f"The parameters of {type_name} do not fit. {named}.", details) from None

    def prepare(self, job_type: JobType, params: JobParams) -> Prepared:
        """Resolve what the type resolves at submission. Raises BadRequest."""
        if job_type.prepare is None:
            return Prepared(params)
        prepared: Prepared = load_object(job_type.prepare)(params)
        return prepared

    # Everything at once

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
