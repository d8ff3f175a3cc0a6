"""
What a worker's child does with a ticket: claim, send the job's next one, work for about two seconds, commit, give back.

Only the main thread of the child is here; handlers run on threads of their own, so this one can always beat, commit,
hand back at a limit, and end the process when a thread will not end.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import BadSettings, SecretsLocked, StoreUnavailable
from ..handler import Context, Handler
from ..outcome import Item, JobFatal
from ..registry import JobType
from ..store.items import read_ids
from ..store.jobs import record
from ..store.ledger import Answer
from . import answers
from .chunk import Chunk, Result
from .holder import ITEMS_PER_COMMIT, Holder
from .job_log import JobLog, JobLogger, bound
from .permits import Permits
from .runtime import Runtime, new_token

log = logging.getLogger(__name__)

CLAIM_PATIENCE_S = 30.0
STEP_PATIENCE_S = 1.0  #: after that no further item is begun until the ledger answers
FLUSH_EVERY_S = 0.01  #: while a commit runs the next outcomes gather, so a busy chunk commits in batches by itself
GRACE_S = 8.0  #: for what is in hand when the worker is being stopped
CANCEL_GRACE_S = 5.5  #: when its job is being cancelled, which is noticed within a heartbeat: ten seconds in all
FIRST_CHUNK = 10

_runtime: Runtime | None = None


def use(runtime: Runtime) -> None:
    """Called once in each child, before its first ticket."""
    global _runtime  # noqa: PLW0603 - one child, one runtime
    _runtime = runtime


def run_ticket(job_type: JobType, job_id: str, number: int, holder_name: str) -> str:
    """
    Use a ticket.

    Returns:
        `worked`, or why there was nothing to do: `gone`, `other_type`, `newer`, `stale`, `nothing`.

    Raises:
        StoreUnavailable: The ledger could not be asked; the reconciler will send a new ticket.
    """
    if _runtime is None:
        raise BadSettings("this process runs no tickets; start a worker with `celery -A workers worker -Q TYPE`")
    runtime, limits = _runtime, job_type.limits
    problem: Exception | None = None
    finishes, code = False, None
    try:
        code = runtime.handler(job_type)
        finishes = code.defines("finish")
    except Exception as error:  # the ticket is used all the same, so that the job says why it cannot run
        problem = error
    started = time.monotonic()
    holder = Holder(runtime.ledger, runtime.office, new_token())
    claim = runtime.ledger.step(
        "lease_claim",
        patience_s=CLAIM_PATIENCE_S,
        job=job_id,
        type=job_type.name,
        ticket=number,
        token=holder.token,
        holder=f"{holder_name}/{os.getpid()}",
        hard_ms=round(limits.hard_timeout_s * 1000),
        finishes=finishes,
        first=max(FIRST_CHUNK, limits.item_concurrency),
        chunk_ms=round(limits.chunk_s * 1000),
        chunk_max=limits.chunk_max,
        limits=job_type.declared_limits,
        at_once=limits.item_concurrency,
        set=(code is not None and code.defines("run_chunk")) or None,
    )
    claimed_at = time.monotonic()
    holder.publish(claim.tickets)
    if claim.state != "lease":
        holder.tell_sent()
        _explain(runtime, job_type, job_id, number, claim)
        return claim.state
    try:
        if problem is not None or code is None:
            raise problem or AssertionError
        job_log = JobLog()
        ctx = _context(runtime, job_type, job_id, claim, holder.token, JobLogger(job_log))
    except StoreUnavailable:
        raise
    except Exception as error:
        log.exception("%s cannot be run here", job_id)
        _refuse(holder, claim.data["kind"], error)
        return "refused"
    deadline = started + limits.timeout_s
    if claim.data["kind"] == "run":
        permits = Permits(claim.data, claimed_at) if "permits" in claim.data else None
        _Run(runtime, holder, job_type, code, ctx, deadline, job_log).chunk(claim.data["ranges"], permits)
    else:
        _Run(runtime, holder, job_type, code, ctx, deadline, job_log).phase(claim.data["kind"])
    return "worked"


class _Run:
    """One lease being worked on."""

    def __init__(
        self,
        runtime: Runtime,
        holder: Holder,
        job_type: JobType,
        code: Handler,
        ctx: Context,
        deadline: float,
        job_log: JobLog,
    ) -> None:
        self.runtime, self.holder, self.job_type, self.code, self.ctx = runtime, holder, job_type, code, ctx
        self.deadline, self.job_log = deadline, job_log
        self.is_ledger_away = False  #: the last step was not answered; log lines then wait, as each may take seconds
        self.given_up_at = deadline + job_type.limits.hard_margin_s / 3  #: what is still in hand then, never ends
        self.grace_until: float | None = None
        self.is_report = False  #: the finish step of a stopped job is wanted: only the worker's own end hurries it
        self.permits: Permits | None = None
        self.breaker = (job_type.limits.breaker_failures, job_type.limits.breaker_fatals)

    # A chunk of items

    def chunk(self, claimed: Sequence[Sequence[int]], permits: Permits | None) -> None:
        self.permits = permits
        try:
            items = bound(self.ctx.log, lambda: self._items(claimed))()
        except JobFatal as error:
            self._commit(None, [], close=True, fatal=answers.fatal(error))
            return
        except Exception as error:
            log.exception("the items of %s could not be read", self.ctx.job_id)
            message = f"The job's items could not be read: {error}"[:500]
            self._commit(None, [], close=True, fatal={"code": "items_unreadable", "message": message})
            return
        if self.permits is not None and self.permits.is_late(time.monotonic()):
            self.permits = self._other_permits(len(self.permits.times))
        chunk = Chunk(self.code, items, self.ctx, self.job_type.limits, self.permits)
        chunk.start()
        stuck = self._watch(chunk)
        results = chunk.drain(ITEMS_PER_COMMIT)
        while chunk.has_results:  # the last one closes
            self._commit(chunk, results)
            results = chunk.drain(ITEMS_PER_COMMIT)
        fatal = None if chunk.fatal is None else answers.fatal(chunk.fatal)
        self._commit(chunk, results, close=True, fatal=fatal)
        try:
            self.holder.tell_sent()
        finally:
            if stuck:
                self.runtime.retire(f"an item of {self.ctx.job_id} does not end")

    def _watch(self, chunk: Chunk) -> bool:
        """Commit until the chunk is over or must be left. Answers whether threads were left running."""
        flushed = 0.0
        while True:
            chunk.wait(0.25)
            over = chunk.is_over
            if not over and (pause := flushed + FLUSH_EVERY_S - time.monotonic()) > 0:
                time.sleep(pause)
            results = [] if over else chunk.drain(ITEMS_PER_COMMIT)
            if results:
                self._commit(chunk, results)
                flushed = time.monotonic()
            elif self.holder.is_beat_due:
                self._beat()
            if over:
                return False
            if self.job_log.is_due:
                self._tell_log()
            stuck = chunk.give_up_overdue()
            if self.holder.stop or self.holder.wait or self.runtime.is_stopping or time.monotonic() > self.deadline:
                chunk.stop()
            if time.monotonic() > self.given_up_at:
                chunk.give_up(0.0)
                return True
            if self._must_leave() or (stuck and not chunk.has_results):
                return True

    def _commit(
        self, chunk: Chunk | None, results: list[Result], *, close: bool = False, fatal: dict[str, str] | None = None
    ) -> None:
        """Until the ledger has it: what was done, and perhaps paid, is not thrown away because the server is away."""
        if close:
            self._tell_log()  # before it, as whoever waits for the job's end may read the log at once
        while True:
            try:
                self.holder.commit(
                    results,
                    current=None if chunk is None or close else chunk.current(),
                    patience_s=STEP_PATIENCE_S,
                    close=close,
                    begun=chunk.begun if chunk and close else 0,
                    elapsed_ms=max(1, round(chunk.elapsed_s * 1000)) if chunk and close else 0,
                    unused=self.permits.unused if self.permits and close else 0,
                    breaker=self.breaker,
                    fatal=fatal,
                )
            except StoreUnavailable:
                self.is_ledger_away = True
                if chunk is not None:
                    chunk.hold()
                if self._must_leave():
                    self.runtime.retire(
                        f"the ledger is away, and outcomes of {self.ctx.job_id} could not be told to it"
                    )
            else:
                self.is_ledger_away = False
                if chunk is not None:
                    chunk.go_on()
                if close:
                    self._tell_log()
                return

    def _other_permits(self, want: int) -> Permits:
        """For those that passed while the items were read."""
        answer = self.runtime.ledger.step(
            "lease_permits", patience_s=CLAIM_PATIENCE_S, token=self.holder.token, want=want
        )
        return Permits(answer.data, time.monotonic())

    def _beat(self) -> None:
        try:
            self.holder.beat(STEP_PATIENCE_S)
            self.is_ledger_away = False
        except StoreUnavailable as error:
            self.is_ledger_away = True
            log.warning("no sign of life possible", extra={"job": self.ctx.job_id, "reason": str(error)})

    def _tell_log(self) -> None:
        if not self.job_log.is_empty and not self.is_ledger_away:
            try:
                self.job_log.tell(self.runtime.ledger, self.holder.token)
            except StoreUnavailable:
                self.is_ledger_away = True
                log.debug("lines of a job's log wait for the ledger", extra={"job": self.ctx.job_id})

    def _must_leave(self) -> bool:
        """Whether what is in hand has had its grace after a stop, or the chunk is about to meet its hard limit."""
        now = time.monotonic()
        is_stopped = self.holder.stop and not self.holder.is_lost and not self.is_report
        is_hurried = self.runtime.is_stopping or is_stopped
        if self.grace_until is None and is_hurried:
            self.grace_until = now + (GRACE_S if self.runtime.is_stopping else CANCEL_GRACE_S)
        return now > self.given_up_at or (self.grace_until is not None and now > self.grace_until)

    def _items(self, claimed: Sequence[Sequence[int]]) -> list[Item]:
        indexes = [index for start, end in claimed for index in range(start, end)]
        if self.job_type.items is None:
            return answers.items(self.code.load(indexes, self.ctx), indexes)
        ids = read_ids(self.runtime.ledger, self.ctx.job_id, indexes, patience_s=CLAIM_PATIENCE_S)
        names = self.code.names(ids, self.ctx)
        return [Item(index, id_, None, names.get(id_, "")) for index, id_ in zip(indexes, ids, strict=True)]

    # Planning and finishing

    def phase(self, kind: str) -> None:
        self.is_report = kind == "finish"
        found: list[Any] = []
        step: Callable[[Context], Any] = self.code.finish
        if kind == "plan":
            step = lambda ctx: self.code.plan(ctx.params, ctx)  # noqa: E731

        def work() -> None:
            try:
                found.append(step(self.ctx))
            except BaseException as error:
                found.append(error)

        thread = threading.Thread(target=bound(self.ctx.log, work), daemon=True)
        thread.start()
        while True:
            thread.join(0.25)
            if not thread.is_alive():
                break
            if self.holder.is_beat_due:
                self._beat()
            if self.job_log.is_due:
                self._tell_log()
            if self._must_leave():
                late = time.monotonic() > self.deadline
                if late:
                    self._end("lease_fail", code=f"{kind}_timed_out", message=f"The {kind} step took too long.")
                else:
                    self._end("lease_release")
                self.runtime.retire(f"the {kind} step of {self.ctx.job_id} does not end")
        self._adopt(kind, found[0])

    def _adopt(self, kind: str, result: Any) -> None:
        if isinstance(result, JobFatal):
            self._end("lease_fail", **answers.fatal(result), final=True)
        elif isinstance(result, BaseException):
            self.ctx.log.error("the %s step of %s failed", kind, self.ctx.job_id, exc_info=result)
            self._end(
                "lease_fail", code=f"{kind}_failed", message=answers.text(f"{type(result).__name__}: {result}", 500)
            )
        else:
            try:
                step, told = _told(kind, result)
            except (TypeError, ValueError) as error:  # the same again at each try
                message = answers.text(error, answers.MESSAGE_CHARACTERS)
                self._end("lease_fail", code=f"{kind}_failed", message=message, final=True)
            else:
                self._end(step, **told)

    def _end(self, step: str, **arguments: Any) -> None:
        self._tell_log()
        while True:
            try:
                self.holder.end(step, STEP_PATIENCE_S, **arguments)
            except StoreUnavailable:
                if self._must_leave():
                    self.runtime.retire("the ledger is away")
            else:
                return


def _told(kind: str, result: Any) -> tuple[str, dict[str, Any]]:
    """The step that adopts what a plan or finish answered, and its arguments. Raises TypeError or ValueError."""
    if kind == "plan":
        total, source = answers.plan(result)
        return "lease_plan", {"total": total, "source": source}
    return "lease_finish", {"result": None if result is None else answers.json_text(result, "what finish answers")}


def _context(
    runtime: Runtime, job_type: JobType, job_id: str, claim: Answer, token: str, job_log: JobLogger
) -> Context:
    ledger = runtime.ledger
    raw = ledger.patiently(lambda: ledger.client.hgetall(ledger.keys("job", job_id)), CLAIM_PATIENCE_S)
    job = record(raw)
    progress = job.progress
    return Context(
        job_id=job_id,
        job_type=job_type.name,
        run=int(claim.data["run"]),
        fence=int(claim.data["fence"]),
        token=token,
        params=job_type.params.model_validate(runtime.secrets.load(json.loads(raw.get(b"params") or b"{}"))),
        created_by=job.created_by,
        source=json.loads(raw.get(b"source") or b"{}"),
        counts={
            "total": progress.total or 0,
            "completed": progress.completed,
            "failed": progress.failed,
            "skipped": progress.skipped,
        },
        files=runtime.files,
        log=job_log,
    )


def _explain(runtime: Runtime, job_type: JobType, job_id: str, number: int, claim: Answer) -> None:
    """Say once what somebody should know of a ticket that made no lease."""
    if claim.state in {"gone", "other_type"}:
        reason = "unknown_job" if claim.state == "gone" else "other_type"
        raw = json.dumps({"task": job_type.name, "args": [job_id, number]}, ensure_ascii=False)
        runtime.app.vocaqueue.aside.put(job_type.name, reason, raw, detail=job_id)
    elif claim.state == "newer" and claim.data.get("first"):
        log.warning("job %s waits: it was made by newer code than this worker has", job_id)


def _refuse(holder: Holder, kind: str, error: Exception) -> None:
    """End the job with a sentence: its code cannot be loaded, or its parameters do not fit it any more."""
    code, why = "cannot_run", f"The worker cannot run this job: {type(error).__name__}: {error}"[:500]
    if isinstance(error, SecretsLocked):
        code, why = error.code, error.message
    if kind == "run":
        holder.commit([], patience_s=CLAIM_PATIENCE_S, close=True, fatal={"code": code, "message": why})
        holder.tell_sent()
    else:
        holder.end("lease_fail", CLAIM_PATIENCE_S, code=code, message=why, final=True)
