"""What happened in a job: its items, its failures as a download, its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from flask import Response
from pydantic import ConfigDict, Field

from . import error_files
from .answers import Answer, Media, Moment, PageOf
from .downloads import FORMATS
from .guard import GuardedBlueprint
from .payloads import ok, whole
from .requests import Paged, Query, Several

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


ItemStatusName = Literal["waiting", "active", "retrying", "completed", "skipped", "failed", "not_done"]


class ItemsQuery(Paged):
    status: Several = Field((), description=f"Any of these, by comma: {', '.join(get_args(ItemStatusName))}.")


class ErrorsQuery(Query):
    format: Literal["json", "csv", "xlsx"] = "json"


class Item(Answer):
    """One item; what is not known of it is null."""

    position: int = Field(ge=0, description="In the job, from 0.")
    item_id: str
    item_name: str | None = Field(description="Of a failed one.")
    status: ItemStatusName
    attempts: int | None = Field(description="Tries that failed.")
    next_try_at: Moment | None
    code: str | None
    message: str | None
    timestamp: Moment | None = Field(description="When it failed for good.")


class Items(PageOf[Item]):
    """Items in the order of their positions."""

    model_config = ConfigDict(title="Items")

    counts: dict[str, int] = Field(description="Of all items, by status.")


class FailedItem(Answer):
    position: int = Field(ge=0, description="In the job, from 0.")
    item_id: str
    item_name: str | None
    code: str
    message: str | None
    timestamp: Moment | None
    attempts: int | None


class FailedItems(Answer):
    """Every failed item of a job."""

    job_id: str
    items: list[FailedItem]
    total: int = Field(ge=0)


class TimelineEntry(Answer):
    """What befell a job; which further fields there are depends on `event`."""

    model_config = ConfigDict(extra="allow")

    timestamp: Moment
    event: str = Field(description="job-created, job-active, chunk …")


class Timeline(PageOf[TimelineEntry]):
    """What befell a job, the oldest first."""

    model_config = ConfigDict(title="Timeline")

    is_complete: bool
    missing: list[str] = Field(description="Sentences: what is not in it any more.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/jobs/<job_id>/items", role="viewer", query=ItemsQuery, answer=Items)
    def items(job_id: str, query: ItemsQuery) -> Response:
        """The job's items with their states."""
        found = queue.items(job_id, statuses=query.status, page=query.page, limit=query.limit)
        return ok(found.as_dict() | {"counts": found.counts})

    files = Media(
        {kind: FailedItems if name == "json" else None for name, kind in FORMATS.items()},
        {"Content-Disposition": "attachment, with the file's name"},
    )

    @blueprint.get("/jobs/<job_id>/errors", role="viewer", query=ErrorsQuery, answer=files)
    def errors(job_id: str, query: ErrorsQuery) -> Response:
        """Every failed item, as a download."""
        return error_files.download(queue, job_id, query.format)

    @blueprint.get("/jobs/<job_id>/timeline", role="viewer", answer=Timeline)
    def timeline(job_id: str) -> Response:
        """What befell the job: created, begun, chunks with their workers, holds, waits, retries, its end."""
        found = queue.timeline(job_id)
        shown = whole([entry.as_dict() for entry in found.entries])
        return ok(shown | {"isComplete": found.is_complete, "missing": found.missing})
