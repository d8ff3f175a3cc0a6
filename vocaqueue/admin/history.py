"""What happened when, for charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from flask import Response
from pydantic import Field

from .answers import Answer, Moment
from .guard import GuardedBlueprint
from .payloads import ok_json
from .requests import Query

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

RangeName = Literal["1h", "24h", "7d"]
Counts = Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=1440)]


class JobCounts(Answer):
    """Of jobs, one number a bucket. A job that is retried ends more than once."""

    created: Counts
    completed: Counts
    failed: Counts
    cancelled: Counts


class ItemCounts(Answer):
    """Of settled items, one number a bucket. An item that failed and was retried is settled more than once."""

    completed: Counts
    failed: Counts
    skipped: Counts


class TypeCounts(Answer):
    """The counts of one job type."""

    jobs: JobCounts
    items: ItemCounts


class History(Answer):
    """Counts of what happened, oldest bucket first. The last bucket is the present one, and still grows."""

    range: RangeName
    from_: Moment = Field(alias="from", description="Begin of the first bucket.")
    to: Moment = Field(description="End of the last bucket.")
    bucket_seconds: int = Field(description="Length of a bucket: 60, of 7d 900.")
    jobs: JobCounts
    items: ItemCounts
    types: dict[str, TypeCounts]


class HistoryQuery(Query):
    range: RangeName = Field("1h", description="By the minute; 7d by the quarter of an hour.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/history", role="viewer", query=HistoryQuery, answer=History)
    def history(query: HistoryQuery) -> Response:
        """Counts of what happened, for charts."""
        return ok_json(queue.history_json(query.range))
