"""Messages that were set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from pydantic import Field

from .answers import Answer, Moment, PageOf
from .guard import GuardedBlueprint
from .payloads import ok
from .requests import Paged

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


class DeadLetter(Answer):
    """A message that was set aside, once, by one worker."""

    id: str
    timestamp: Moment
    queue: str
    reason: str = Field(description="Stable code, such as not_json, unknown_task, unknown_job.")
    message: str = Field(description="What is wrong with it, in a sentence.")
    raw: str = Field(description="Its beginning.")
    size_bytes: int = Field(ge=0, description="Of the whole message.")
    worker: str


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/dead-letters", role="viewer", query=Paged, answer=PageOf[DeadLetter])
    def dead_letters(query: Paged) -> Response:
        """Messages that were set aside, the newest first."""
        return ok(queue.dead_letters(page=query.page, limit=query.limit).as_dict())
