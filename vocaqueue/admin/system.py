"""Counts, workers, and who I am."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from flask import Response
from pydantic import Field

from ..job import iso
from .answers import Answer, Moment, PageOf
from .guard import GuardedBlueprint, identity
from .limit_answers import StatusCounts, TypeStats
from .payloads import ok, whole

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


class Stats(StatusCounts):
    """How many jobs there are in each status, in all and by type. Each is counted once; a held one under `paused`."""

    is_paused: bool = Field(description="Everything is held.")
    job_counts: dict[str, int] = Field(description="By type: all its jobs.")
    types: dict[str, TypeStats]


class Worker(Answer):
    """A worker process, as it and the relay say."""

    name: str
    pid: int | None
    queues: list[str] = Field(description="Job types that it works for.")
    concurrency: int | None = Field(description="Slots.")
    active: int | None = Field(description="Chunks that it runs.")
    processed: int | None = Field(description="Chunks that it has done.")
    online_since: Moment
    last_heartbeat: Moment
    seconds_since_heartbeat: float = Field(ge=0)


class Me(Answer):
    """Who makes this request."""

    id: str
    name: str
    role: Literal["viewer", "operator", "admin"]
    via: str = Field(description="How you were known: key, session, or the host's own way.")
    expires_at: Moment | None = Field(description="When that ends by itself.")
    csrf_token: str | None = Field(
        None, description="With a session: what a change may carry as X-CSRF-Token, in place of coming from this site."
    )
    links: dict[str, str] = Field(description="Addresses outside this API that a dashboard may use.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager, links: dict[str, str]) -> None:
    @blueprint.get("/stats", role="viewer", answer=Stats)
    def stats() -> Response:
        """Counts of all jobs, and of each type."""
        return ok(queue.stats())

    @blueprint.get("/workers", role="viewer", answer=PageOf[Worker])
    def workers() -> Response:
        """The workers, with what they do."""
        return ok(whole(_workers(queue)))

    @blueprint.get("/me", role="viewer", answer=Me)
    def me() -> Response:
        """Who I am."""
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
