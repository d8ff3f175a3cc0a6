"""Job types for the tests. Their handlers append a line to a file for each call, so calls are counted outside Redis."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

from vocaqueue import Context, Handler, Item, JobFatal, JobParams, JobType, Limits, Outcome, Plan, Rate


class ToyParams(JobParams):
    ids: tuple[str, ...] | None = None
    seconds: float = 0.0  #: that one item takes
    log: str | None = None  #: file that gets a line "item pid time" for each call
    tag: str = ""
    fail: dict[
        str, list[str]
    ] = {}  #: item -> what its tries do: "retry", "final", "raise", "fatal", "kill", "hang", "hog", "ok"


class Toy(ToyParams):
    pass


class Parallel(ToyParams):
    pass


class Noop(JobParams):
    total: int


class Phased(JobParams):
    total: int
    log: str
    plan: list[str] = []  #: what the tries of the plan step do
    finish: list[str] = []


class Bulk(ToyParams):
    pass


def note(path: str | None, text: str) -> None:
    if path is None:
        return
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(fd, f"{text} {os.getpid()} {time.time():.6f}\n".encode())
    finally:
        os.close(fd)


def calls(path: str | os.PathLike[str]) -> list[tuple[str, int, float]]:
    """(what, pid, time) of each call noted in the file, in order."""
    try:
        lines = Path(path).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [(what, int(pid), float(at)) for what, pid, at in (line.rsplit(" ", 2) for line in lines)]


def script_of(params: ToyParams, item: Item) -> str:
    steps = params.fail.get(item.id)
    if not steps:
        return "ok"
    tries = sum(1 for what, _, _ in calls(params.log or "") if what == f"{params.tag}{item.id}")
    return steps[min(tries - 1, len(steps) - 1)]


def act(step: str) -> Outcome:  # noqa: PLR0911
    match step:
        case "ok":
            return Outcome.done()
        case "skip":
            return Outcome.skipped("unchanged")
        case "retry":
            return Outcome.failed("flaky", "It did not work this time.", retryable=True)
        case "final":
            return Outcome.failed("bad_item", "It will never work.")
        case "limited":
            return Outcome.limited(1.5)
        case "timeout":
            raise TimeoutError("no answer")
        case "raise":
            raise ValueError("a surprise")
        case "odd":  # as in a file's name that is not UTF-8
            raise ValueError("half a letter: \udc80")
        case "later":
            return Outcome.failed("busy", "In a while.", retryable=True, retry_after_s=60.0)
        case "nonsense":
            return Outcome.failed("busy", "Later.", retryable=True, retry_after_s=float("inf"))
        case "fatal":
            raise JobFatal("no_credit", "The account has no credit. Top it up, then retry the job.")
        case "kill":
            os.kill(os.getpid(), 9)
        case "hang":
            time.sleep(3600)
        case "hog":  # holds the interpreter's lock, so that nothing else in this child runs
            re.match("(a+)+$", "a" * 60 + "b")
    raise AssertionError(step)


class Rated(ToyParams):
    pass


class Paid(ToyParams):
    pass


class Capped(ToyParams):
    pass


class CappedToo(ToyParams):
    pass


class Unloadable(ToyParams):
    pass


class Chatty(JobParams):
    ids: tuple[str, ...] | None = None
    lines: int = 1  #: that each item says
    words: str = ""
    seconds: float = 0.0


class ChattyHandler(Handler):
    """Says something by every way that there is."""

    async def run(self, item: Item, ctx: Context) -> Outcome:  # type: ignore[override]
        params: Chatty = ctx.params  # type: ignore[assignment]
        for number in range(params.lines):
            ctx.log.info("line %s of %s%s", number + 1, item.id, params.words)
        logging.getLogger("shop.mail").warning("plain %s", item.id)
        await asyncio.gather(asyncio.create_task(self._deeper(item)))
        thread = threading.Thread(target=lambda: ctx.log.debug("thread %s", item.id))
        thread.start()
        thread.join()
        await asyncio.sleep(params.seconds)
        if item.id == "bad":
            raise ValueError("a surprise")
        return Outcome.done()

    async def _deeper(self, item: Item) -> None:
        logging.getLogger("shop.mail").info("task %s", item.id)

    def finish(self, ctx: Context) -> dict[str, Any]:
        logging.getLogger("shop.mail").info("the end")
        return {"items": ctx.counts["total"]}


class ToyHandler(Handler):
    def run(self, item: Item, ctx: Context) -> Outcome:
        params: ToyParams = ctx.params  # type: ignore[assignment]
        note(params.log, f"{params.tag}{item.id}")
        if params.seconds:
            time.sleep(params.seconds)
        return act(script_of(params, item))


class ParallelHandler(Handler):
    async def run(self, item: Item, ctx: Context) -> Outcome:  # type: ignore[override]
        params: ToyParams = ctx.params  # type: ignore[assignment]
        note(params.log, f"{params.tag}{item.id}")
        await asyncio.sleep(params.seconds)
        return act(script_of(params, item))


class NoopHandler(Handler):
    def plan(self, params: Noop, ctx: Context) -> Plan:
        return Plan(params.total, {})

    def load(self, indexes: Any, ctx: Context) -> list[Item]:
        return [Item(index, str(index)) for index in indexes]

    def run(self, item: Item, ctx: Context) -> Outcome:
        return Outcome.done()


class PhasedHandler(NoopHandler):
    def plan(self, params: Any, ctx: Context) -> Plan:
        note(params.log, "plan")
        self._act(params.plan, params.log, "plan")
        return Plan(params.total, {"made": "by plan"})

    def run(self, item: Item, ctx: Context) -> Outcome:
        assert ctx.source == {"made": "by plan"}
        note(ctx.params.log, item.id)  # type: ignore[attr-defined]
        return Outcome.done()

    def finish(self, ctx: Context) -> dict[str, Any]:
        params: Phased = ctx.params  # type: ignore[assignment]
        note(params.log, "finish")
        self._act(params.finish, params.log, "finish")
        return {"rows": {1, 2}} if params.finish == ["nonsense"] else {"rows": ctx.counts["completed"]}

    @staticmethod
    def _act(steps: list[str], log: str, what: str) -> None:
        tries = sum(1 for called, _, _ in calls(log) if called == what)
        if tries <= len(steps):
            act(steps[tries - 1])


class BulkHandler(Handler):
    def run_chunk(self, items: Any, ctx: Context) -> list[Outcome]:
        params: ToyParams = ctx.params  # type: ignore[assignment]
        for item in items:
            note(params.log, f"{params.tag}{item.id}")
        time.sleep(params.seconds * len(items))
        return [act(script_of(params, item)) for item in items]


def _type(name: str, params: type[JobParams], handler: str, items: str | None = "ids", **limits: Any) -> JobType:
    fast = {"backoff_s": 0.2, "item_timeout_s": 3.0, "timeout_s": 60.0} | limits
    return JobType(name=name, params=params, handler=f"tests.toys:{handler}", items=items, limits=Limits(**fast))


JOB_TYPES: tuple[JobType, ...] = (
    _type("toy", Toy, "ToyHandler"),
    _type("parallel", Parallel, "ParallelHandler", item_concurrency=10),
    _type("noop", Noop, "NoopHandler", items=None),
    _type("phased", Phased, "PhasedHandler", items=None),
    _type("chatty", Chatty, "ChattyHandler", item_concurrency=5, attempts=1, item_timeout_s=50.0),
    _type("rated", Rated, "ToyHandler", rate=Rate(10, 1.0)),
    _type("paid", Paid, "ParallelHandler", item_concurrency=4, account="maker", account_rate=Rate(50, 1.0)),
    _type("capped", Capped, "ToyHandler", max_running_chunks=3),
    _type("capped-too", CappedToo, "ToyHandler", max_running_chunks=5),
    _type("unloadable", Unloadable, "NoSuchHandler"),
    _type("bulk", Bulk, "BulkHandler", timeout_s=3.0, hard_margin_s=6.0, attempts=2),
)

#: What an older version of the code knows.
OLD_JOB_TYPES = JOB_TYPES[:1]


class Patient(ToyParams):
    pass


#: With a type whose items may take longer than a worker that is stopped has time for.
PATIENT_JOB_TYPES = (*JOB_TYPES, _type("patient", Patient, "ToyHandler", item_timeout_s=60.0))
