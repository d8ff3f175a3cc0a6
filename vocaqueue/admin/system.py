"""Counts, workers, and who I am."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Response

from ..job import iso
from .guard import GuardedBlueprint, identity
from .payloads import ok, whole

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager, links: dict[str, str]) -> None:
    @blueprint.get("/stats", role="viewer")
    def stats() -> Response:
        return ok(queue.stats())

    @blueprint.get("/workers", role="viewer")
    def workers() -> Response:
        return ok(whole(_workers(queue)))

    @blueprint.get("/me", role="viewer")
    def me() -> Response:
        who = identity()
        said = {"id": who.id, "name": who.name, "role": who.role, "via": who.via, "expiresAt": iso(who.expires_at_ms)}
        csrf = {"csrfToken": who.csrf_token} if who.csrf_token else {}
        return ok(said | csrf | {"links": links})


def _workers(queue: QueueManager) -> list[dict[str, Any]]:
    """What the relay knows of each worker, joined with what the worker itself said of its slots."""
    known, now = queue.workers(), time.time()
    found: dict[str, dict[str, Any]] = {
        name: {
            "name": name,
            "pid": worker.get("pid"),
            "queues": [],
            "concurrency": None,
            "active": worker.get("active"),
            "processed": worker.get("done"),
            "onlineSince": iso(round(worker["since"] * 1000)),
            "lastHeartbeat": iso(round(worker["seen"] * 1000)),
            "secondsSinceHeartbeat": round(max(0.0, now - worker["seen"]), 1),
        }
        for name, worker in known.items()
    }
    for type_name, slots in queue.slots().items():
        for name, (count, _age_s) in slots.items():
            if name in found:
                found[name]["queues"].append(type_name)
                found[name]["concurrency"] = count
    return [found[name] for name in sorted(found)]
