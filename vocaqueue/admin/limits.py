"""Job types and providers' accounts: what may run how fast, and whether they are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response
from pydantic import ConfigDict, Field
from werkzeug.exceptions import NotFound

from ..errors import Detail, InvalidParams
from ..rates import LONGEST_WINDOW_S, MOST_PER_WINDOW, Rate
from ..registry import JobParams, JobType
from .answers import PageOf
from .guard import GuardedBlueprint
from .limit_answers import Account, TypeInfo
from .payloads import ok, whole

if TYPE_CHECKING:
    from ..engine.queue import QueueManager


class RateFields(JobParams):
    """At most `max` starts in any window of so many seconds."""

    max: int = Field(ge=1, le=MOST_PER_WINDOW, strict=True)
    duration_seconds: float = Field(1.0, ge=0.001, le=LONGEST_WINDOW_S, strict=True)
    burst: int = Field(0, ge=0, le=MOST_PER_WINDOW, strict=True, description="So many more after a quiet time.")

    def rate(self) -> Rate:
        return Rate(self.max, self.duration_seconds, self.burst)


class TypeChange(JobParams):
    """What is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rate": {"max": 10, "durationSeconds": 10}, "maxRunningChunks": 4}]}
    )

    rate: RateFields | None = Field(None, description="null takes the rate away.")
    max_running_chunks: int | None = Field(None, ge=1, le=10_000, strict=True, description="null takes the cap away.")
    held: bool | None = Field(None, strict=True)


class AccountChange(JobParams):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rate": {"max": 10, "durationSeconds": 10}}]})

    rate: RateFields | None = Field(None, description="null takes the rate away.")
    held: bool | None = Field(None, strict=True)


def add_routes(blueprint: GuardedBlueprint, queue: QueueManager) -> None:
    @blueprint.get("/types", role="viewer", answer=PageOf[TypeInfo])
    def types() -> Response:
        """The job types, with their limits and their parameters."""
        limits, gates = queue.limits.types(), queue.gates()
        shown = [_type(job_type) | limits[job_type.name] for job_type in queue.job_types]
        return ok(whole([of_type | {"held": gates.reason(of_type["name"])} for of_type in shown]))

    @blueprint.patch("/types/<type_name>", role="operator", body=TypeChange, answer=TypeInfo)
    def change_type(type_name: str, body: TypeChange) -> Response:
        """Change a type's rate or its cap, or hold it. What is left out stays."""
        job_type = queue.job_types.get(type_name)
        limits = queue.limits.set(type_name, **_given(body))
        return ok(_type(job_type) | limits | {"held": queue.gates().reason(type_name)})

    @blueprint.get("/accounts", role="viewer", answer=PageOf[Account])
    def accounts() -> Response:
        """The providers' accounts, with their rates."""
        return ok(whole([{"name": name} | account for name, account in queue.limits.accounts().items()]))

    @blueprint.patch("/accounts/<account>", role="operator", body=AccountChange, answer=Account)
    def change_account(account: str, body: AccountChange) -> Response:
        """Change an account's rate, or hold all types that use it. What is left out stays."""
        change = _given(body)
        if account not in queue.limits.accounts():
            raise NotFound(f"No job type uses the account “{account}”.")
        return ok({"name": account} | queue.limits.set_account(account, **change))


def _given(change: TypeChange | AccountChange) -> dict[str, Any]:
    """Only the fields that were sent: null takes a limit away, a field that is left out stays as it is."""
    given = {name: getattr(change, name) for name in change.model_fields_set}
    if not given:
        fields = ", ".join(field.alias or "" for field in type(change).model_fields.values())
        message = f"Name at least one of: {fields}"
        raise InvalidParams(message + ".", [Detail("", "empty", message)])
    if given.get("held", True) is None:
        raise InvalidParams("held must be true or false.", [Detail("held", "invalid", "must be true or false")])
    if given.get("rate") is not None:
        given["rate"] = given["rate"].rate()
    return given


def _type(job_type: JobType) -> dict[str, Any]:
    limits = job_type.limits
    return {
        "name": job_type.name,
        "description": (job_type.params.__doc__ or "").strip(),
        "role": job_type.role,
        "concurrency": limits.concurrency,
        "timeoutSeconds": limits.timeout_s,
        "itemTimeoutSeconds": limits.item_timeout_s,
        "attempts": limits.attempts,
        "params": job_type.params.model_json_schema(by_alias=True),
    }
