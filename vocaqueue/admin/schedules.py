"""Schedules: the table of jobs that come by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, url_for
from pydantic import Field

from ..errors import UnknownType
from ..registry import JobParams
from . import requests
from .guard import GuardedBlueprint, identity, require
from .jobs import whole
from .payloads import ok, page
from .requests import Level, Whole

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


class NewSchedule(JobParams):
    type: str = Field(description="Of the jobs that it makes.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="As for POST /jobs/{type}; a filter is resolved each time."
    )
    name: str | None = Field(None, max_length=200)
    priority: Level = "normal"
    cron: str | None = Field(None, description="minute hour day-of-month month day-of-week, in the time zone.")
    every_seconds: Whole | None = Field(None, description="In place of cron; counted from full hours and days, UTC.")
    time_zone: str | None = Field(None, description="IANA name; left out: the system's.")
    enabled: bool = True


class Change(JobParams):
    """What is left out stays; cron takes everySeconds away, and the other way round."""

    params: dict[str, Any] | None = None
    name: str | None = Field(None, max_length=200)
    priority: Level | None = None
    cron: str | None = None
    every_seconds: Whole | None = None
    time_zone: str | None = None
    enabled: bool | None = None


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    table = queue.schedules

    @blueprint.get("/schedules", role="viewer")
    def schedules() -> Response:
        requests.known_arguments(("page", "limit"))
        number, limit = requests.page_and_limit()
        found, total = table.page(number, limit)
        return ok(page([schedule.as_dict() for schedule in found], page=number, limit=limit, total=total))

    @blueprint.post("/schedules", role="operator")
    def add_schedule() -> Response:
        wanted = requests.read(NewSchedule)
        params = table.parse(wanted.type, wanted.params)
        require_type(wanted.type)
        made = table.add(
            params,
            cron=wanted.cron,
            every_s=wanted.every_seconds,
            time_zone=wanted.time_zone,
            name=wanted.name,
            priority=wanted.priority,
            enabled=wanted.enabled,
            created_by=identity().id,
        )
        return ok(made.as_dict(), 201, {"Location": url_for(".schedule", schedule_id=made.id)})

    @blueprint.get("/schedules/<schedule_id>", role="viewer")
    def schedule(schedule_id: str) -> Response:
        return ok(table.get(schedule_id).as_dict())

    @blueprint.patch("/schedules/<schedule_id>", role="operator")
    def change_schedule(schedule_id: str) -> Response:
        require_type(table.get(schedule_id).type)
        wanted = requests.read(Change)
        changes = {name: getattr(wanted, name) for name in wanted.model_fields_set}
        if "every_seconds" in changes:
            changes["every_s"] = changes.pop("every_seconds")
        for name in ("params", "priority", "time_zone", "enabled"):  # null there means: as it is
            if changes.get(name, "") is None:
                del changes[name]
        return ok(table.update(schedule_id, **changes).as_dict())

    @blueprint.delete("/schedules/<schedule_id>", role="operator")
    def remove_schedule(schedule_id: str) -> Response:
        require_type(table.get(schedule_id).type)
        table.remove(schedule_id)
        return ok({"id": schedule_id})

    @blueprint.post("/schedules/<schedule_id>/run", role="operator")
    def run_schedule(schedule_id: str) -> Response:
        require_type(table.get(schedule_id).type)
        requests.read(requests.Nothing)
        job = table.run(schedule_id, created_by=identity().id).record
        return ok(whole(queue, job), 201, {"Location": url_for(".job", job_id=job.id)})

    def require_type(name: str) -> None:
        """Whoever steers a schedule must be allowed to submit its jobs."""
        try:
            require(queue.job_types.get(name).role)
        except UnknownType:  # a type that went; its schedules may be put in order all the same
            require("operator")
