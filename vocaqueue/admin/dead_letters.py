"""Messages that were set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from . import requests
from .guard import GuardedBlueprint
from .payloads import ok

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/dead-letters", role="viewer")
    def dead_letters() -> Response:
        requests.known_arguments(("page", "limit"))
        page, limit = requests.page_and_limit()
        return ok(queue.dead_letters(page=page, limit=limit).as_dict())
