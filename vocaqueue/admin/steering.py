"""Steering: cancel, hold, hurry, repeat one job, which is the answer as it is then; hold a type or everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Response
from pydantic import Field

from ..engine.items import MOST_PICKED
from ..errors import Detail, InvalidParams
from ..registry import JobParams
from . import removal, requests
from .answers import Answer
from .guard import GuardedBlueprint
from .job_answers import Job as JobAnswer
from .jobs import whole
from .payloads import ok

if TYPE_CHECKING:
    from ..engine.handle import Job
    from ..engine.queue import QueueManager


Codes = Annotated[tuple[str, ...], Field(min_length=1, max_length=32)]


ItemIds = Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_PICKED)]


class Retry(JobParams):
    codes: Codes | None = Field(
        None, examples=[["timed_out"]], description="Only failures with one of these codes, and what was not tried."
    )
    item_ids: ItemIds | None = Field(
        None, examples=[["apple", "pear"]], description="Only these failed items (and those of `codes`), and likewise."
    )


class PriorityChange(JobParams):
    priority: requests.Level = Field(examples=["high"], description="critical, high, normal, low, or 1 to 4.")


class Action(JobParams):
    action: Literal["pause", "resume", "clean", "empty"] = Field(examples=["pause"])
    type: str | None = Field(None, description="Only this type; left out: everything.")
    options: dict[str, Any] | None = Field(
        None, description="Of clean: grace (milliseconds), status, limit, skipBin. Of empty: delayed, limit, skipBin."
    )


class Acted(Answer):
    action: Literal["pause", "resume", "clean", "empty"]
    affected: int = Field(ge=0, description="Jobs that were removed; of a hold 1 when that was not so before.")


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.post("/jobs/<job_id>/cancel", role="operator", answer=JobAnswer, errors=(409,))
    def cancel(job_id: str) -> Response:
        """Stop a job; what was done stays done."""
        return now(queue.cancel, job_id)

    @blueprint.post("/jobs/<job_id>/pause", role="operator", answer=JobAnswer, errors=(409,))
    def pause(job_id: str) -> Response:
        """Hold a job; it is active until its running chunks end."""
        return now(queue.pause, job_id)

    @blueprint.post("/jobs/<job_id>/resume", role="operator", answer=JobAnswer, errors=(409,))
    def resume(job_id: str) -> Response:
        """Let a held job go on."""
        return now(queue.resume, job_id)

    @blueprint.post("/jobs/<job_id>/promote", role="operator", answer=JobAnswer, errors=(409,))
    def promote(job_id: str) -> Response:
        """Start a delayed job now."""
        return now(queue.promote, job_id)

    def now(act: Callable[[str], Job], job_id: str) -> Response:
        return ok(whole(queue, act(job_id).record))

    @blueprint.post("/jobs/<job_id>/retry", role="operator", body=Retry, answer=JobAnswer, errors=(409,))
    def retry(job_id: str, body: Retry) -> Response:
        """Run again what failed or was not done."""
        return ok(whole(queue, queue.retry(job_id, codes=body.codes, item_ids=body.item_ids).record))

    @blueprint.patch("/jobs/<job_id>", role="operator", body=PriorityChange, answer=JobAnswer, errors=(409,))
    def change(job_id: str, body: PriorityChange) -> Response:
        """Give a job another priority."""
        return ok(whole(queue, queue.set_priority(job_id, body.priority).record))

    @blueprint.post("/action", role="operator", body=Action, answer=Acted, errors=(404,))
    def action(body: Action) -> Response:
        """Hold or let go a type or everything; clean or empty, which need the role admin."""
        wanted = body
        if wanted.action in {"clean", "empty"}:
            affected = removal.take_away(queue, wanted.action, wanted.type, wanted.options or {})
            return ok({"action": wanted.action, "affected": affected})
        if wanted.options:
            message = f"{wanted.action} takes no options."
            raise InvalidParams(message, [Detail("options", "unknown_field", message)])
        act = queue.pause_all if wanted.action == "pause" else queue.resume_all
        return ok({"action": wanted.action, "affected": int(act(wanted.type))})
