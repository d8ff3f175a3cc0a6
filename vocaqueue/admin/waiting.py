"""Wait for a job's end: one reader of the event log serves all who wait."""

from __future__ import annotations

from flask import Response

from . import requests
from .guard import GuardedBlueprint, identity
from .hub import Hub
from .jobs import whole
from .payloads import ok
from .places import Places

LONGEST_WAIT_S = 300


def add_routes(blueprint: GuardedBlueprint, hub: Hub, places: Places) -> None:
    @blueprint.get("/jobs/<job_id>/wait", role="viewer")
    def wait(job_id: str) -> Response:
        timeout_s = requests.number("timeout", 30, 0, LONGEST_WAIT_S)
        with places.take(identity().id):
            return ok(whole(hub.queue, hub.wait_for_end(job_id, timeout_s)))
