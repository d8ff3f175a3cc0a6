"""Schedules: the table of jobs that come by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, url_for
from pydantic import ConfigDict, Field

from ..errors import UnknownType
from ..registry import JobParams
from .answers import Answer, Moment, PageOf
from .guard import GuardedBlueprint, identity, require
from .job_answers import Job, PriorityName, Reason
from .jobs import whole
from .payloads import ok, page
from .requests import Level, Paged

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


class NewSchedule(JobParams):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "export", "params": {"format": "csv"}, "cron": "0 3 * * *", "timeZone": "Asia/Seoul"}]
        }
    )

    type: str = Field(description="Of the jobs that it makes.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="As for POST /jobs/{type}; a filter is resolved each time."
    )
    name: str | None = Field(None, max_length=200)
    priority: Level = "normal"
    cron: str | None = Field(None, description="minute hour day-of-month month day-of-week, in the time zone.")
    every_seconds: int | None = Field(None, description="In place of cron; counted from full hours and days, UTC.")
    time_zone: str | None = Field(None, description="IANA name; left out: the system's.")
    enabled: bool = True


class ScheduleChange(JobParams):
    """What is left out stays; cron takes everySeconds away, and the other way round."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}, {"everySeconds": 3600}]})

    params: dict[str, Any] | None = None
    name: str | None = Field(None, max_length=200)
    priority: Level | None = None
    cron: str | None = None
    every_seconds: int | None = None
    time_zone: str | None = None
    enabled: bool | None = None


class LastRun(Answer):
    at: Moment
    due_at: Moment | None
    job_id: str | None
    error: Reason | None


class Schedule(Answer):
    """Jobs that come by themselves."""

    id: str
    name: str | None
    type: str
    params: dict[str, Any] = Field(description="As given.")
    priority: PriorityName
    cron: str | None
    every_seconds: int | None
    time_zone: str = Field(description="IANA name.")
    enabled: bool
    next_runs: list[Moment] = Field(max_length=5, description="Empty while it is off.")
    last_run: LastRun | None
    created_by: str | None
    created_at: Moment


class ScheduleGone(Answer):
    id: str


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    table = queue.schedules

    @blueprint.get("/schedules", role="viewer", query=Paged, answer=PageOf[Schedule])
    def schedules(query: Paged) -> Response:
        """The schedules, the oldest first."""
        found, total = table.page(query.page, query.limit)
        return ok(page([schedule.as_dict() for schedule in found], page=query.page, limit=query.limit, total=total))

    @blueprint.post("/schedules", role="operator", body=NewSchedule, answer=(201, Schedule))
    def add_schedule(body: NewSchedule) -> Response:
        """Make a schedule: by cron, or every so many seconds."""
        wanted = body
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

    @blueprint.get("/schedules/<schedule_id>", role="viewer", answer=Schedule)
    def schedule(schedule_id: str) -> Response:
        """One schedule."""
        return ok(table.get(schedule_id).as_dict())

    @blueprint.patch("/schedules/<schedule_id>", role="operator", body=ScheduleChange, answer=Schedule)
    def change_schedule(schedule_id: str, body: ScheduleChange) -> Response:
        """Change a schedule, or turn it on or off. What is left out stays."""
        require_type(table.get(schedule_id).type)
        changes = {name: getattr(body, name) for name in body.model_fields_set}
        if "every_seconds" in changes:
            changes["every_s"] = changes.pop("every_seconds")
        for name in ("params", "priority", "time_zone", "enabled"):  # null there means: as it is
            if changes.get(name, "") is None:
                del changes[name]
        return ok(table.update(schedule_id, **changes).as_dict())

    @blueprint.delete("/schedules/<schedule_id>", role="operator", answer=ScheduleGone)
    def remove_schedule(schedule_id: str) -> Response:
        """Remove a schedule; jobs that it made stay."""
        require_type(table.get(schedule_id).type)
        table.remove(schedule_id)
        return ok({"id": schedule_id})

    @blueprint.post("/schedules/<schedule_id>/run", role="operator", answer=(201, Job), errors=(409,))
    def run_schedule(schedule_id: str) -> Response:
        """Make the schedule's job now, also while it is off."""
        require_type(table.get(schedule_id).type)
        job = table.run(schedule_id, created_by=identity().id).record
        return ok(whole(queue, job), 201, {"Location": url_for(".job", job_id=job.id)})

    def require_type(name: str) -> None:
        """Whoever steers a schedule must be allowed to submit its jobs."""
        try:
            require(queue.job_types.get(name).role)
        except UnknownType:  # a type that went; its schedules may be put in order all the same
            require("operator")
