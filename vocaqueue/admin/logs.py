"""What a job's handler said while it worked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from . import requests
from .guard import GuardedBlueprint
from .payloads import ok

if TYPE_CHECKING:
    from ..engine.queue import QueueManager

MOST_LINES = 1000  #: of one answer
LAST_NUMBER = 10**12 - 1


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/jobs/<job_id>/logs", role="viewer")
    def logs(job_id: str) -> Response:
        requests.known_arguments(("after", "limit"))
        after, limit = requests.number("after", 0, 0, LAST_NUMBER), requests.number("limit", 100, 1, MOST_LINES)
        found = queue.logs(job_id, after=after, limit=limit)
        lines = [line.as_dict() for line in found.lines]
        return ok({"items": lines, "next": found.next, "limit": limit, "total": found.total, "written": found.written})
