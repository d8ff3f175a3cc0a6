"""What happened in a job: its items, its failures as a download, its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from ..errors import Detail, InvalidParams
from . import error_files, requests
from .guard import GuardedBlueprint
from .payloads import ok, whole

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/jobs/<job_id>/items", role="viewer")
    def items(job_id: str) -> Response:
        requests.known_arguments(("status", "page", "limit"))
        statuses, (number, limit) = requests.several("status"), requests.page_and_limit()
        found = queue.items(job_id, statuses=statuses, page=number, limit=limit)
        return ok(found.as_dict() | {"counts": found.counts})

    @blueprint.get("/jobs/<job_id>/errors", role="viewer")
    def errors(job_id: str) -> Response:
        requests.known_arguments(("format",))
        kind = request.args.get("format") or "json"
        if kind not in error_files.FORMATS:
            message = f"format must be among {', '.join(error_files.FORMATS)}; “{kind}” is not."
            raise InvalidParams(message, [Detail("format", "unknown", message)])
        return error_files.download(queue, job_id, kind)

    @blueprint.get("/jobs/<job_id>/timeline", role="viewer")
    def timeline(job_id: str) -> Response:
        requests.known_arguments(())
        found = queue.timeline(job_id)
        shown = whole([entry.as_dict() for entry in found.entries])
        return ok(shown | {"isComplete": found.is_complete, "missing": found.missing})
