"""Job types whose items are calls of the counting server: a plain one that plans, an `async` one that is given ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vocaqueue import Context, Handler, Item, JobParams, JobType, Limits, Outcome, Plan

from .counter import call, call_async

BUSY_EVERY, BAD_EVERY = 50, 200  #: of the items one in so many is refused once, or always


class Calls(JobParams):
    address: str  #: of the counting server
    tag: str  #: of the job; makes its items' names differ from those of others
    seconds: float  #: that a call takes


class PlainCalls(Calls):
    total: int


class AsyncCalls(Calls):
    ids: tuple[str, ...] | None = None


def name_of(tag: str, index: int) -> str:
    kind = "bad" if index % BAD_EVERY == 7 else "busy" if index % BUSY_EVERY == 3 else "item"
    return f"{tag}/{kind}-{index}"


def names_of(tag: str, total: int) -> list[str]:
    return [name_of(tag, index) for index in range(total)]


def outcome_of(answer: str) -> Outcome:
    match answer:
        case "ok":
            return Outcome.done()
        case "busy":
            return Outcome.failed("busy", "The provider is busy.", retryable=True)
        case "bad":
            return Outcome.failed("bad", "The provider refuses this item.")
    raise ConnectionError(f"the provider answered {answer!r}")


class PlainHandler(Handler):
    def plan(self, params: PlainCalls, ctx: Context) -> Plan:
        return Plan(params.total, {"tag": params.tag})

    def load(self, indexes: Sequence[int], ctx: Context) -> list[Item]:
        return [Item(index, name_of(ctx.source["tag"], index)) for index in indexes]

    def run(self, item: Item, ctx: Context) -> Outcome:
        params: Any = ctx.params
        return outcome_of(call(params.address, item.id, params.seconds))

    def finish(self, ctx: Context) -> dict[str, Any]:
        return {"completed": ctx.counts["completed"], "failed": ctx.counts["failed"]}


class AsyncHandler(Handler):
    async def run(self, item: Item, ctx: Context) -> Outcome:  # type: ignore[override]
        params: Any = ctx.params
        return outcome_of(await call_async(params.address, item.id, params.seconds))


_LIMITS = {"timeout_s": 120.0, "item_timeout_s": 90.0, "backoff_s": 0.5}

JOB_TYPES = (
    JobType(
        name="plain-calls",
        params=PlainCalls,
        handler="tests.chaos.toys:PlainHandler",
        limits=Limits(**_LIMITS),
    ),
    JobType(
        name="async-calls",
        params=AsyncCalls,
        handler="tests.chaos.toys:AsyncHandler",
        items="ids",
        limits=Limits(item_concurrency=8, **_LIMITS),
    ),
)
