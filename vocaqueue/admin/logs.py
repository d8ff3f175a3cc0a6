"""What a job's handler said while it worked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response
from pydantic import Field

from .answers import Answer, Moment
from .guard import GuardedBlueprint
from .payloads import ok
from .requests import Digits, Query

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

MOST_LINES = 1000  #: of one answer
LAST_NUMBER = 10**12 - 1


class LogsQuery(Query):
    after: Digits = Field(0, ge=0, le=LAST_NUMBER, description="Number of the line to go on from.")
    limit: Digits = Field(100, ge=1, le=MOST_LINES, description="Lines of an answer.")


class LogLine(Answer):
    number: int = Field(ge=1, description="1 for the job's first line; a gap is lines that were dropped.")
    timestamp: Moment
    level: Literal["debug", "info", "warning", "error", "critical"]
    message: str
    item_id: str | None = Field(description="That was in hand, where that is known.")
    logger: str


class Logs(Answer):
    """A part of a job's own log."""

    items: list[LogLine] = Field(description="In the order in which they were written.")
    next: int = Field(ge=0, description="The `after` to go on from, also when there is nothing more for now.")
    limit: int
    total: int = Field(ge=0, description="Lines that are kept.")
    written: int = Field(ge=0, description="Lines that there ever were.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/jobs/<job_id>/logs", role="viewer", query=LogsQuery, answer=Logs)
    def logs(job_id: str, query: LogsQuery) -> Response:
        """What the job's handler said while it worked."""
        found = queue.logs(job_id, after=query.after, limit=query.limit)
        return ok(
            {
                "items": [line.as_dict() for line in found.lines],
                "next": found.next,
                "limit": query.limit,
                "total": found.total,
                "written": found.written,
            }
        )
