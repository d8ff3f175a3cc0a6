"""
Every error that vocaqueue raises on purpose.

    VocaqueueError
    ├── BadSettings            the environment or a `Settings` value makes no sense
    ├── BadRequest             a job cannot be accepted as it was asked for
    │   ├── UnknownType        no job type of that name is registered
    │   ├── InvalidParams      the parameters do not fit the type's model
    │   ├── NoItems            the request selects nothing
    │   ├── TooMany            the request names or selects more than one act takes
    │   └── NoPreview          a bulk act names a preview that is unknown, too old, or of another act
    ├── IdempotencyConflict    the idempotency key was used for another request
    ├── DuplicateJob           an unended job has these parameters to itself
    ├── JobNotFound            no such job, or it was removed
    │   ├── NotInBin           no such job in the bin, or not any more
    │   └── JobRemoved         … and it is the one that an idempotency key stands for
    ├── ScheduleNotFound       no such schedule
    ├── KeyNotFound            no such API key
    ├── KeyRefused             an API key that opens nothing
    ├── WrongStatus            the job's status does not allow it
    ├── NotSupported           known, but not part of this version
    ├── StoreUnavailable       Redis/Valkey is away, or refuses to write
    │   └── AuditFull          … since too much of the audit log waits to be stored
    ├── SecretsLocked          a job's secret parameters were encrypted with another key
    ├── ArchiveUnavailable     the database of DATABASE_URL is away, or refuses to write
    │   ├── HistoryUnavailable … or it does not know enough of the jobs yet
    │   └── KeysUnavailable    … and so an API key cannot be looked up
    └── JobEnded               raised by `Job.wait`
        ├── JobFailed
        └── JobCancelled

`code` is stable and lower_snake; the HTTP status is chosen in `admin/payloads.py` only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: What can be done to a job in each status; a refusal says so.
POSSIBLE: dict[str, tuple[str, ...]] = {
    "waiting": ("cancel", "pause", "priority"),
    "active": ("cancel", "pause", "priority"),
    "delayed": ("cancel", "pause", "promote", "priority"),
    "paused": ("cancel", "resume", "priority"),
    "completed": ("delete", "retry if something failed"),
    "failed": ("retry", "delete"),
    "cancelled": ("retry", "delete"),
}


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong with a request."""

    field: str  #: path of the field in the request, camelCase, dots between levels; "" is the whole body
    code: str  #: stable, lower_snake
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class VocaqueueError(Exception):
    """Base of all; `str(error)` is a sentence that says what to do."""

    code = "error"

    def __init__(self, message: str, details: Iterable[Detail] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class BadSettings(VocaqueueError):
    code = "bad_settings"


class BadRequest(VocaqueueError):
    code = "bad_request"


class UnknownType(BadRequest):
    code = "unknown_type"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.known = sorted(known)
        super().__init__(
            f"There is no job type “{name}”. Known types: {', '.join(self.known)}.",
            [Detail("type", "unknown_type", known_name) for known_name in self.known],
        )


class InvalidParams(BadRequest):
    code = "invalid_params"


class NoItems(BadRequest):
    code = "no_items"


class TooMany(BadRequest):
    code = "too_large"


class NoPreview(BadRequest):
    code = "preview_not_found"


class JobNotFound(VocaqueueError):
    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"There is no job “{job_id}”.")


class NotInBin(JobNotFound):
    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.args = (f"There is no job “{job_id}” in the bin; a removed job stays there for 24 hours.",)
        self.message = self.args[0]


class JobRemoved(JobNotFound):
    """Submitted before under the same idempotency key, and taken away since."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.message = f"This was submitted before as job “{job_id}”, which has been removed since."
        self.args = (self.message,)


class IdempotencyConflict(VocaqueueError):
    code = "idempotency_conflict"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(
            f"This idempotency key belongs to job “{job_id}”, which was asked for with another body; "
            "send the same body again, or take a new key.",
            [Detail("Idempotency-Key", "idempotency_conflict", job_id)],
        )


class DuplicateJob(VocaqueueError):
    code = "duplicate_job"

    def __init__(self, job_id: str, status: str) -> None:
        self.job_id, self.status = job_id, status
        super().__init__(
            f"Job “{job_id}” has the same parameters and is {status}; wait for its end, or cancel it.",
            [Detail("jobId", "duplicate_job", job_id)],
        )


class ScheduleNotFound(VocaqueueError):
    code = "schedule_not_found"

    def __init__(self, schedule_id: str) -> None:
        self.schedule_id = schedule_id
        super().__init__(f"There is no schedule “{schedule_id}”.")


class KeyNotFound(VocaqueueError):
    code = "key_not_found"

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"There is no API key “{key_id}”; GET /keys and `vocaqueue keys` list them.")


class KeyRefused(VocaqueueError):
    """
    An API key that opens nothing; the message says why.

    That it was revoked or has expired is said only to who holds its secret: to everybody else each id looks the same,
    so nobody learns which ids there are.
    """

    code = "no_identity"

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason  #: incomplete, mistyped, unknown, revoked, expired
        super().__init__(message)


class WrongStatus(VocaqueueError):
    code = "wrong_status"

    def __init__(self, job_id: str, status: str, wanted: str) -> None:
        self.job_id, self.status = job_id, status
        self.possible = POSSIBLE.get(status, ())
        acts = f" Possible now: {', '.join(self.possible)}." if self.possible else ""
        super().__init__(f"Job “{job_id}” is {status}; {wanted}.{acts}", [Detail("status", status, acts.strip())])


class NotSupported(VocaqueueError):
    code = "not_supported"


class StoreUnavailable(VocaqueueError):
    code = "store_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The job store (Redis/Valkey) does not answer: {reason}. "
            "Nothing was lost; try again in a few seconds, or run `vocaqueue doctor`."
        )


class AuditFull(StoreUnavailable):
    code = "audit_full"

    def __init__(self, waiting: int) -> None:
        super().__init__("")
        self.message = (
            f"{waiting:,} entries of the audit log wait to be stored in the database (DATABASE_URL), so nothing new is "
            "accepted; what runs goes on and can be stopped. Mend the database or make room; see `vocaqueue doctor`."
        )
        self.args = (self.message,)


class ArchiveUnavailable(VocaqueueError):
    code = "archive_unavailable"

    def __init__(self, reason: str) -> None:
        self.reason: str | None = reason
        super().__init__(
            f"The database of DATABASE_URL, which has the bin and the history of jobs, cannot be used: {reason}. "
            "Nothing was lost; what was removed before is in the bin. Mend it or make room, and do it again. A removal "
            "can skip the bin, which is for good; lists by type and status alone need no history."
        )


class HistoryUnavailable(ArchiveUnavailable):
    """The database is there, but it does not know enough of what the ledger has."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        VocaqueueError.__init__(
            self, f"Jobs cannot be searched for now: {reason}. Lists by type and status alone are always possible."
        )


class SecretsLocked(VocaqueueError):
    """A job's secret parameters cannot be read with this process's key."""

    code = "secrets_locked"

    def __init__(self) -> None:
        super().__init__(
            "The secret parameters cannot be decrypted here: they were encrypted with another VOCAQUEUE_SECRET_KEY. "
            "Give every machine the same one; a job whose key is lost must be submitted again."
        )


class KeysUnavailable(ArchiveUnavailable):
    """Without a reason it is said to somebody who is not known yet, and so it names no address."""

    def __init__(self, reason: str | None = None) -> None:
        what = "The database that keeps the API keys (DATABASE_URL)"
        if reason is None:
            message = f"{what} does not answer; try again in a few seconds. The admin key works meanwhile."
        else:
            message = f"{what} cannot be used: {reason}. Nothing was changed; mend it or make room, and do it again."
        self.reason = reason
        VocaqueueError.__init__(self, message)


class JobEnded(VocaqueueError):
    """A job that was waited for ended without being completed."""

    def __init__(self, job: Any, message: str) -> None:
        self.job = job
        super().__init__(message)


class JobFailed(JobEnded):
    code = "job_failed"


class JobCancelled(JobEnded):
    code = "job_cancelled"
