"""Removal: delete one job, clean, empty, the bin; and one act on many jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Response, request
from pydantic import Field

from ..engine.bulk import JobFilter
from ..errors import Detail, InvalidParams
from ..job import JobStatus, iso
from ..registry import JobParams
from . import requests
from .guard import GuardedBlueprint, identity, require
from .jobs import whole
from .payloads import ok

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
    action: Literal["retry", "cancel", "delete", "pause", "resume"]
    ids: tuple[str, ...] | None = None
    filter: FilterBody | None = None
    preview_id: str | None = None
    skip_bin: bool = Field(False, strict=True, description="Of delete: for good.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.delete("/jobs/<job_id>", role="admin")
    def delete(job_id: str) -> Response:
        requests.read(requests.Nothing)
        requests.known_arguments(("skipBin",))
        entry = queue.remove(job_id, by=identity().id, skip_bin=_switch("skipBin"))
        return ok({"jobId": job_id, "restorableUntil": iso(entry.expires_at_ms) if entry else None})

    @blueprint.get("/bin", role="admin")
    def bin_() -> Response:
        requests.known_arguments(("type", "page", "limit"))
        number, limit = requests.page_and_limit()
        found = queue.bin(types=requests.several("type"), page=number, limit=limit)
        return ok(found.as_dict())

    @blueprint.post("/bin/<job_id>/restore", role="admin")
    def restore(job_id: str) -> Response:
        requests.read(requests.Nothing)
        return ok(whole(queue, queue.restore(job_id).record))

    # `delete` needs admin; that is asked below.
    @blueprint.post("/jobs/bulk", role="operator")
    def bulk() -> Response:
        requests.known_arguments(("dryRun",))
        request.max_content_length = requests.BULK_BODY_BYTES
        wanted = requests.read(BulkBody)
        if wanted.action == "delete":
            require("admin")
        elif wanted.skip_bin:
            raise _wrong("skipBin", "Only delete can skip the bin.")
        if sum(given is not None for given in (wanted.ids, wanted.filter, wanted.preview_id)) != 1:
            raise _wrong("ids", "Give one of ids, filter and previewId.")
        chosen: dict[str, Any] = {"ids": wanted.ids, "filter": _filter(queue, wanted.filter)}
        if not _switch("dryRun"):
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


def _switch(name: str) -> bool:
    given = request.args.get(name, "false").lower()
    if given in {"true", "1", ""}:
        return True
    if given in {"false", "0"}:
        return False
    raise _wrong(name, f"{name} must be true or false.")


def _wrong(name: str, message: str) -> InvalidParams:
    return InvalidParams(message, [Detail(name, "invalid", message)])
