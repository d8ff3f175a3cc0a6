"""Removal: delete one job, clean, empty, the bin; and one act on many jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Response
from pydantic import ConfigDict, Field

from ..engine.bulk import JobFilter
from ..errors import Detail, InvalidParams
from ..job import JobStatus, iso
from ..registry import JobParams
from . import requests
from .answers import Answer, Moment, PageOf
from .guard import GuardedBlueprint, identity, require
from .job_answers import Job
from .jobs import whole
from .payloads import ok
from .requests import Paged, Query, Several, Switch

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

GRACE_MS_MOST = 10 * 365 * 86_400 * 1000
LIMIT_MOST = 10_000_000
LIST_MOST = 100

Words = Annotated[tuple[str, ...], Field(max_length=LIST_MOST)]


class CleanOptions(JobParams):
    grace: float = Field(strict=True, ge=0, le=GRACE_MS_MOST, description="Milliseconds since the job ended.")
    status: Literal["completed", "failed", "cancelled"] = "completed"
    limit: int | None = Field(None, strict=True, ge=1, le=LIMIT_MOST, description="Not more than so many.")
    skip_bin: bool = Field(False, strict=True, description="For good: no restoring.")


class EmptyOptions(JobParams):
    delayed: bool = Field(False, strict=True, description="Jobs that wait for a time as well.")
    limit: int | None = Field(None, strict=True, ge=1, le=LIMIT_MOST, description="Not more than so many.")
    skip_bin: bool = Field(False, strict=True, description="For good: no restoring.")


class FilterBody(JobParams):
    type: str | Words = ()
    status: str | Words = ()
    created_by: str | None = None
    labels: Words = ()
    name: str | None = Field(None, min_length=1, description="A part of the name.")


class BulkBody(JobParams):
    """Which jobs: `ids`, a `filter`, or the `previewId` of a dry run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "cancel", "filter": {"type": "export", "status": ["waiting"]}}]}
    )

    action: Literal["retry", "cancel", "delete", "pause", "resume"]
    ids: tuple[str, ...] | None = None
    filter: FilterBody | None = None
    preview_id: str | None = None
    skip_bin: bool = Field(False, strict=True, description="Of delete: for good.")


class DeleteQuery(Query):
    skip_bin: Switch = Field(False, description="For good: no restoring.")


class BulkQuery(Query):
    dry_run: Switch = Field(False, description="Answer what would be touched, and change nothing.")


class BinQuery(Paged):
    type: Several = Field((), description="Any of these, by comma.")


class Removed(Answer):
    job_id: str
    restorable_until: Moment | None = Field(description="null: it skipped the bin.")


class BinEntry(Answer):
    """A removed job that can be restored."""

    job_id: str
    type: str
    name: str | None
    status: JobStatus = Field(description="That it had, and gets back.")
    action: Literal["delete", "clean", "empty"]
    removed_by: str | None
    removed_at: Moment
    restorable_until: Moment


class Skipped(Answer):
    """A job that a bulk act left as it was."""

    job_id: str
    code: str = Field(description="Why, such as wrong_status or job_not_found.")
    status: JobStatus | None = Field(description="null: there is no such job.")


class BulkCounts(Answer):
    affected: int = Field(ge=0, description="Jobs.")
    skipped: int = Field(ge=0, description="Jobs.")
    by_code: dict[str, int] = Field(description="Jobs that were skipped, by why.")


class BulkDone(Answer):
    """What a bulk act did."""

    action: Literal["retry", "cancel", "delete", "pause", "resume"]
    affected: int = Field(ge=0, description="Jobs.")
    skipped: list[Skipped] = Field(description="The first of them.")
    counts: BulkCounts


class FirstJob(Answer):
    job_id: str
    type: str
    name: str | None
    status: JobStatus


class BulkPreview(Answer):
    """What a bulk act would touch; `previewId` then acts on just that."""

    action: Literal["retry", "cancel", "delete", "pause", "resume"]
    preview_id: str
    expires_at: Moment
    count: int = Field(ge=0, description="Jobs.")
    by_status: dict[str, int]
    by_type: dict[str, int]
    first: list[FirstJob]
    skipped: list[Skipped] = Field(description="The first of them.")
    skipped_count: int = Field(ge=0)


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.delete("/jobs/<job_id>", role="admin", query=DeleteQuery, answer=Removed, errors=(409,))
    def delete(job_id: str, query: DeleteQuery) -> Response:
        """Remove a job that has ended, into the bin."""
        entry = queue.remove(job_id, by=identity().id, skip_bin=query.skip_bin)
        return ok({"jobId": job_id, "restorableUntil": iso(entry.expires_at_ms) if entry else None})

    @blueprint.get("/bin", role="admin", query=BinQuery, answer=PageOf[BinEntry])
    def bin_(query: BinQuery) -> Response:
        """Jobs that were removed in the last 24 hours, the last one first."""
        return ok(queue.bin(types=query.type, page=query.page, limit=query.limit).as_dict())

    @blueprint.post("/bin/<job_id>/restore", role="admin", answer=Job)
    def restore(job_id: str) -> Response:
        """Put a removed job back."""
        return ok(whole(queue, queue.restore(job_id).record))

    # `delete` needs admin; that is asked below.
    @blueprint.post(
        "/jobs/bulk",
        role="operator",
        query=BulkQuery,
        body=BulkBody,
        answer=BulkDone | BulkPreview,
        errors=(404,),
        described={"body_bytes": requests.BULK_BODY_BYTES},
    )
    def bulk(query: BulkQuery, body: BulkBody) -> Response:
        """One act on many jobs, or with `dryRun` what it would touch. Deleting needs the role admin."""
        wanted = body
        if wanted.action == "delete":
            require("admin")
        elif wanted.skip_bin:
            raise _wrong("skipBin", "Only delete can skip the bin.")
        if sum(given is not None for given in (wanted.ids, wanted.filter, wanted.preview_id)) != 1:
            raise _wrong("ids", "Give one of ids, filter and previewId.")
        chosen: dict[str, Any] = {"ids": wanted.ids, "filter": _filter(queue, wanted.filter)}
        if not query.dry_run:
            done = queue.bulk(
                wanted.action, **chosen, preview_id=wanted.preview_id, by=identity().id, skip_bin=wanted.skip_bin
            )
            return ok(done.as_dict())
        if wanted.preview_id is not None:
            raise _wrong("previewId", "A preview is made of ids or a filter; leave out dryRun to act on this one.")
        return ok(queue.bulk_preview(wanted.action, **chosen))


def take_away(queue: QueueManager, action: str, type_name: str | None, options: dict[str, Any]) -> int:
    """`clean` or `empty` of POST /action. Answers how many jobs were removed."""
    require("admin")
    if action == "clean":
        clean = _options(CleanOptions, options)
        return queue.clean(
            grace_s=clean.grace / 1000,
            status=clean.status,
            limit=clean.limit,
            type_name=type_name,
            by=identity().id,
            skip_bin=clean.skip_bin,
        )
    empty = _options(EmptyOptions, options)
    return queue.empty(
        type_name=type_name, delayed=empty.delayed, limit=empty.limit, by=identity().id, skip_bin=empty.skip_bin
    )


def _options(model: type[requests.Model], options: dict[str, Any]) -> requests.Model:
    try:
        return requests.checked(model, options)
    except InvalidParams as error:
        details = [Detail(f"options.{detail.field}", detail.code, detail.message) for detail in error.details]
        raise InvalidParams("; ".join(f"{d.field}: {d.message}" for d in details[:3]), details) from None


def _filter(queue: QueueManager, given: FilterBody | None) -> JobFilter | None:
    if given is None:
        return None
    types, statuses = _several(given.type), _several(given.status)
    for name in types:
        queue.job_types.get(name)
    wrong = [status for status in statuses if status not in set(JobStatus)]
    if wrong:
        raise _wrong("filter.status", f"status must be among {', '.join(JobStatus)}; “{wrong[0]}” is not.")
    return JobFilter(
        types=types,
        statuses=[JobStatus(status) for status in statuses],
        created_by=given.created_by,
        labels=given.labels,
        name=given.name,
    )


def _several(given: str | tuple[str, ...]) -> list[str]:
    """A list, or a text with commas."""
    parts = given.split(",") if isinstance(given, str) else given
    return [part.strip() for part in parts if part.strip()]


def _wrong(name: str, message: str) -> InvalidParams:
    return InvalidParams(message, [Detail(name, "invalid", message)])
