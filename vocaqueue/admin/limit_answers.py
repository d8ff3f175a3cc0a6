"""Models of limits as they are answered: of job types and of providers' accounts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .answers import Answer, Moment
from .job_answers import Reason


class Rate(Answer):
    """At most `max` calls in any window."""

    max: int = Field(ge=1, description="Calls.")
    duration_seconds: float = Field(gt=0, description="Length of the window.")
    burst: int = Field(ge=0, description="So many more after a quiet time.")


class RateState(Answer):
    rate: Rate | None = Field(description="null: there is none.")
    rate_left: int | None = Field(description="Calls that may start in the window that begins now.")
    rate_per_second: float | None = Field(description="After what a provider's refusals taught.")
    shut_until: Moment | None = Field(description="A provider said so.")


class TypeLimits(RateState):
    account: str | None = Field(description="The provider's account that its calls go to.")
    running_chunks: int = Field(ge=0)
    max_running_chunks: int | None = Field(description="Over all machines; null: no cap.")


class StatusCounts(Answer):
    """How many jobs there are in each status. Each is counted once; a held one under `paused`."""

    waiting: int = Field(ge=0)
    active: int = Field(ge=0)
    completed: int = Field(ge=0)
    failed: int = Field(ge=0)
    delayed: int = Field(ge=0)
    paused: int = Field(ge=0)
    cancelled: int = Field(ge=0)


class TypeStats(TypeLimits, StatusCounts):
    """Counts of a type's jobs, and what holds them up."""

    is_paused: bool
    items_waiting: int = Field(ge=0, description="Items of all its unended jobs that are not settled.")
    items_per_second: float = Field(ge=0)
    eta_seconds: float | None
    held: Reason | None = Field(description="Why its jobs stand still; null: they do not.")


class TypeInfo(TypeLimits):
    """A job type."""

    name: str
    description: str
    role: Literal["viewer", "operator", "admin"] = Field(description="Who may submit it.")
    concurrency: int = Field(ge=1, description="Slots of its worker line.")
    timeout_seconds: float = Field(description="Of a chunk.")
    item_timeout_seconds: float
    attempts: int = Field(ge=1, description="Tries of an item in all.")
    params: dict[str, Any] = Field(description="JSON Schema of its parameters.")
    held: Reason | None = Field(description="Why its jobs stand still; null: they do not.")


class Account(RateState):
    """A provider's account that types share."""

    name: str
    held: bool
    types: list[str] = Field(description="Job types whose calls go to it.")
