"""
A chunk: claimed items on the threads of one child, boxed by time.

Plain handlers run on as many threads as the type's item concurrency says, `async` ones as that many tasks of one loop
on one thread. The child's main thread only collects outcomes, so a handler that hangs stops neither beats nor commits.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ..handler import Context, Handler
from ..outcome import Item, JobFatal, Kind, Outcome
from ..registry import Limits
from . import answers, job_log
from .permits import Permits

log = logging.getLogger("vocaqueue.job")

Result = tuple[Item, Outcome]
LIMITED = Kind.LIMITED


class Chunk:
    """
    Args:
        permits: Of a type with a rate; without them nothing waits.
    """

    def __init__(
        self, handler: Handler, items: Sequence[Item], ctx: Context, limits: Limits, permits: Permits | None = None
    ) -> None:
        self.handler, self.items, self.ctx, self.limits = handler, items, ctx, limits
        self.permits = permits
        self.begun = 0  #: items handed to the handler so far
        self.fatal: JobFatal | None = None
        self._results: deque[Result] = deque()
        self._in_hand: dict[int, tuple[Item, float]] = {}
        self._given_up: set[int] = set()
        self._at_once = type(handler).defines("run_chunk")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._may_begin = threading.Event()
        self._may_begin.set()
        self._idle_s, self._idle_until = 0.0, 0.0
        self._started_at = time.monotonic()
        self._threads = [
            threading.Thread(target=job_log.bound(ctx.log, target), daemon=True) for target in self._targets()
        ]

    def start(self) -> None:
        self._started_at = time.monotonic()
        for thread in self._threads:
            thread.start()

    # What the main thread asks and says

    def wait(self, timeout_s: float) -> None:
        """Until there is an outcome, or all threads have ended, or the time is over."""
        self._wake.wait(timeout_s)
        self._wake.clear()

    def drain(self, most: int) -> list[Result]:
        """Outcomes not yet drained, in the order in which they came."""
        found: list[Result] = []
        while self._results and len(found) < most:
            found.append(self._results.popleft())
        return found

    @property
    def has_results(self) -> bool:
        return bool(self._results)

    @property
    def is_over(self) -> bool:
        """Nobody works on it any more; what was not begun will not be."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def elapsed_s(self) -> float:
        """Since the start, without the time in which all that it had in hand were permits that were not due."""
        return time.monotonic() - self._started_at - self._idle_s

    def stop(self) -> None:
        """Begin no further item."""
        self._stopped = True
        self._may_begin.set()

    def hold(self) -> None:
        """Begin no further item until `go_on`: the ledger cannot be told of outcomes."""
        self._may_begin.clear()

    def go_on(self) -> None:
        self._may_begin.set()

    def current(self) -> str | None:
        """Name of an item that is in hand."""
        with self._lock:
            return next((item.name or item.id for item, _ in self._in_hand.values()), None)

    def give_up_overdue(self) -> bool:
        """
        Fail items that have been in hand for longer than the item time-out, as `timed_out`, retryable.

        Their threads cannot be ended, so the child has to go when this answers True.
        """
        if not self._at_once:  # the items of a set share the chunk's limit
            self.give_up(self.limits.item_timeout_s + 1.0)  # `async` ones are cancelled at the limit by their own loop
        return bool(self._given_up)

    def give_up(self, after_s: float) -> None:
        """Fail what has been in hand for longer, as `timed_out`, retryable; what its thread still says is not heard."""
        with self._lock:
            for index, (item, since) in self._in_hand.items():
                if time.monotonic() - since > after_s and index not in self._given_up:
                    self._given_up.add(index)
                    self._results.append((item, self._timed_out(time.monotonic() - since)))
        if self._given_up:
            self.stop()

    # What the working threads do

    def _targets(self) -> list[Callable[[], object]]:
        if self._at_once:
            return [self._work_at_once]
        workers = min(self.limits.item_concurrency, len(self.items))
        if inspect.iscoroutinefunction(self.handler.run):
            return [lambda: asyncio.run(self._work_async(workers))]
        return [self._work] * workers

    def _next(self) -> Item | float | None:
        """An item to begin now, or the seconds until the next one may begin; None when no further one should be."""
        if not self._may_begin.is_set():
            self._may_begin.wait()
        with self._lock:
            if self._stopped or self.begun >= len(self.items):
                return None
            now = time.monotonic()
            if self.begun and now - self._started_at >= self.limits.chunk_s:
                self._stopped = True
                return None
            if self.permits is not None:
                wait_s = self.permits.take(now)
                if wait_s is None:
                    self._stopped = True
                    return None
                if wait_s > 0:
                    if not self._in_hand:
                        self._note_idle(now, now + wait_s)
                    return wait_s
            item = self.items[self.begun]
            self.begun += 1
            self._in_hand[item.index] = (item, now)
            return item

    def _note_idle(self, since: float, until: float) -> None:
        """Several threads may wait for one and the same permit."""
        self._idle_s += max(0.0, until - max(since, self._idle_until))
        self._idle_until = max(self._idle_until, until)

    def _next_item(self) -> Item | None:
        while isinstance(found := self._next(), float):
            time.sleep(found)
        return found

    def _settle(self, item: Item, outcome: Outcome) -> None:
        with self._lock:
            self._in_hand.pop(item.index, None)
            if item.index in self._given_up:
                return
            self._results.append((item, outcome))
            if outcome.kind is LIMITED:
                self._stopped = True  # the next call would be refused too
        if not self._wake.is_set():  # setting it takes a lock, and there may be a hundred thousand items
            self._wake.set()

    def _work(self) -> None:
        try:
            # There may be a hundred thousand items: what has no rate does not ask for permits.
            take: Callable[[], Any] = self._next if self.permits is None else self._next_item
            slot = job_log.item_slot()
            while (item := take()) is not None:
                slot[0] = item.id
                try:
                    outcome = answers.outcome(self.handler.run(item, self.ctx))
                except JobFatal as error:
                    self._end_job(error, item)
                    return
                except BaseException as error:  # a handler's SystemExit is its own failure too
                    outcome = self._unexpected(item, error)
                self._settle(item, outcome)
        finally:
            self._wake.set()

    async def _work_async(self, workers: int) -> None:
        async def work() -> None:
            slot = job_log.item_slot()
            while (item := await self._next_async()) is not None:
                slot[0] = item.id
                try:
                    async with asyncio.timeout(self.limits.item_timeout_s) as box:
                        outcome = answers.outcome(await self.handler.run(item, self.ctx))
                except TimeoutError as error:  # ours, or the handler's own
                    outcome = (
                        self._timed_out(self.limits.item_timeout_s) if box.expired() else self._unexpected(item, error)
                    )
                except JobFatal as error:
                    self._end_job(error, item)
                    return
                except BaseException as error:
                    outcome = self._unexpected(item, error)
                self._settle(item, outcome)

        try:
            await asyncio.gather(*(work() for _ in range(workers)))
        finally:
            self._wake.set()

    async def _next_async(self) -> Item | None:
        while not self._may_begin.is_set():  # noqa: ASYNC110 - it is set from another thread
            await asyncio.sleep(0.05)
        while isinstance(found := self._next(), float):  # noqa: ASYNC110 - it says itself for how long
            await asyncio.sleep(found)
        return found

    def _work_at_once(self) -> None:
        try:
            while (
                self.permits is not None and not self._stopped and (wait_s := self.permits.take(time.monotonic())) != 0
            ):
                if wait_s is None:
                    return
                self._idle_s += wait_s
                time.sleep(wait_s)
            with self._lock:
                self.begun = len(self.items)
                now = time.monotonic()
                self._in_hand = {item.index: (item, now) for item in self.items}
            try:
                outcomes = [answers.outcome(outcome) for outcome in self.handler.run_chunk(self.items, self.ctx)]
                if len(outcomes) != len(self.items):
                    raise RuntimeError(f"run_chunk answered {len(outcomes)} outcomes for {len(self.items)} items")
            except JobFatal as error:
                self.fatal = error
                self._stopped = True
                return
            except BaseException as error:
                outcomes = [self._unexpected(self.items[0], error)] * len(self.items)
            for item, outcome in zip(self.items, outcomes, strict=True):
                self._settle(item, outcome)
        finally:
            self._wake.set()

    def _end_job(self, error: JobFatal, item: Item) -> None:
        with self._lock:
            self._in_hand.pop(item.index, None)
            self.fatal = self.fatal or error
            self._stopped = True

    @staticmethod
    def _timed_out(after_s: float) -> Outcome:
        return Outcome.failed("timed_out", f"It did not end within {after_s:.0f} s.", retryable=True)

    def _unexpected(self, item: Item, error: BaseException) -> Outcome:
        log.warning("item %s of %s failed", item.id, self.ctx.job_id, exc_info=error)
        message = answers.text(f"{type(error).__name__}: {error}", 500)
        return Outcome.failed("unexpected_error", message, retryable=True)
