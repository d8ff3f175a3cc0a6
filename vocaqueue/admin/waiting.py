"""Wait for a job's end: one reader of the event log serves all who wait."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from .guard import GuardedBlueprint, identity
from .hub import Hub
from .job_answers import Job
from .jobs import whole
from .payloads import ok
from .places import Places
from .requests import Digits, Query

LONGEST_WAIT_S = 300


class WaitQuery(Query):
    timeout: Digits = Field(30, ge=0, le=LONGEST_WAIT_S, description="Seconds.")


def add_routes(blueprint: GuardedBlueprint, hub: Hub, places: Places) -> None:
    @blueprint.get("/jobs/<job_id>/wait", role="viewer", query=WaitQuery, answer=Job)
    def wait(job_id: str, query: WaitQuery) -> Response:
        """The job when it has ended, or after the time as it is then."""
        with places.take(identity().id):
            return ok(whole(hub.queue, hub.wait_for_end(job_id, query.timeout)))
