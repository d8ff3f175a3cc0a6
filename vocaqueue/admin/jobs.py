"""Jobs: list, show, wait, and fetch what they made. Submitting them is in `submission.py`."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any

from flask import Response, send_file
from pydantic import Field
from werkzeug.exceptions import NotFound

from ..errors import Detail, InvalidParams, UnknownType
from ..job import NEWEST_FIRST, SORTS, JobRecord, JobStatus
from .answers import PageOf, media
from .guard import GuardedBlueprint
from .job_answers import Job, ListedJob
from .payloads import ok
from .requests import Paged, Several, Switch, Time

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

TEXT_MOST = 500  #: letters of an argument


class JobsQuery(Paged):
    """What jobs are to be listed. All that is given must fit."""

    type: Several = Field((), description="Any of these, by comma.")
    status: Several = Field((), description=f"Any of these, by comma: {', '.join(JobStatus)}.")
    priority: Several = Field((), description="Any of these, by comma: critical, high, normal, low, or 1 to 4.")
    created_by: str | None = Field(None, max_length=TEXT_MOST, description="Id of who submitted it.")
    q: str | None = Field(
        None,
        max_length=TEXT_MOST,
        description="Words that are all in its id, name, labels, parameters or failures. Each may be a part of a word; "
        "small and capital letters are alike.",
    )
    word: str | None = Field(None, max_length=TEXT_MOST, description="It has the item with this id.")
    failures: Switch | None = Field(None, description="Whether items of it failed.")
    created_after: Time | None = Field(None, description="Then or later.")
    created_before: Time | None = Field(None, description="Earlier than then.")
    finished_after: Time | None = Field(None, description="Then or later.")
    finished_before: Time | None = Field(None, description="Earlier than then.")
    sort: str = Field(
        NEWEST_FIRST,
        json_schema_extra={"pattern": f"^-?({'|'.join(SORTS)})$"},  # the search names them all when it is none
        description="createdAt, startedAt, finishedAt, priority (critical is the smallest) or name; with - before it "
        "the largest first. What has no such value comes last.",
    )


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/jobs", role="viewer", query=JobsQuery, answer=PageOf[ListedJob])
    def jobs(query: JobsQuery) -> Response:
        """The jobs, the newest first. 503 `archive_unavailable`: only those by type and status can be listed now."""
        _among("type", query.type, queue.job_types.names)
        _among("status", query.status, list(JobStatus))
        found = queue.jobs(
            types=query.type,
            statuses=query.status,
            q=query.q,
            item_id=query.word,
            created_by=query.created_by,
            priorities=query.priority,
            failures=query.failures,
            created_after=query.created_after,
            created_before=query.created_before,
            finished_after=query.finished_after,
            finished_before=query.finished_before,
            sort=query.sort,
            page=query.page,
            limit=query.limit,
        )
        return ok(found.as_dict())

    @blueprint.get("/jobs/<job_id>", role="viewer", answer=Job)
    def job(job_id: str) -> Response:
        """The whole job."""
        return ok(whole(queue, queue.get(job_id).record))

    file = media("*/*", Content_Disposition="attachment, with the file's name")

    @blueprint.get("/jobs/<job_id>/files/<name>", role="viewer", answer=file)
    def job_file(job_id: str, name: str) -> Response:
        """What the job made, as a download."""
        queue.get(job_id)
        if name not in queue.files.list(f"jobs/{job_id}"):
            raise NotFound(f"Job “{job_id}” has no file “{name}”.")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        path = queue.files.path(f"jobs/{job_id}/{name}").resolve()
        response = send_file(path, mimetype=kind, as_attachment=True, download_name=name)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


def whole(queue: QueueManager, job: JobRecord) -> dict[str, Any]:
    """The job of the contract, with the names of the files that it made."""
    return job.as_dict() | {"files": queue.files.list(f"jobs/{job.id}")}


def _among(field: str, given: tuple[str, ...], known: list[Any]) -> None:
    wrong = [value for value in given if value not in known]
    if wrong:
        message = f"{field} must be among {', '.join(known)}; “{wrong[0]}” is not."
        raise InvalidParams(message, [Detail(field, UnknownType.code if field == "type" else "unknown", message)])
