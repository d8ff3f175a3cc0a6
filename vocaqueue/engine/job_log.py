"""
What a handler says while it works, kept with its job: `ctx.log`, and Python's logging within the handler's threads.

Threads gather lines in a bounded buffer; the child's main thread tells them to the ledger in batches, about once a
second and before the chunk ends. A job that says nothing costs nothing, and lines are never worth more than the work:
while the ledger is away, or does not keep pace, the oldest of them are dropped.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from ..store.keys import LOG_LINES_KEPT
from ..store.ledger import Ledger

LINE_CHARACTERS = 4000  #: a longer one loses its middle: a traceback says most at both ends
LINE_TAIL = 1000
BUFFER_CHARACTERS = 8_000_000
LINES_PER_STEP = 500
STEP_CHARACTERS = 500_000
EVERY_S = 1.0

#: The level of plain logging calls that is kept; `ctx.log` keeps all.
LEVEL = logging.INFO

T = TypeVar("T")
Line = tuple[float, str, str, str | None, str]  #: time, level, message, item, logger

_log: ContextVar[JobLog | None] = ContextVar("vocaqueue_log", default=None)
_item: ContextVar[list[str | None]] = ContextVar("vocaqueue_item", default=[None])  # noqa: B039 - never written to


def item_slot() -> list[str | None]:
    """
    Where this thread or task says which item its lines belong to: `slot[0] = item.id`.

    A list, as setting a context variable for each of a hundred thousand items would cost a third of a no-op's time.
    """
    slot: list[str | None] = [None]
    _item.set(slot)
    return slot


@dataclass(frozen=True, slots=True)
class _Batch:
    lines: list[str]
    lost: int  #: lines before them that were dropped


class JobLog:
    """The lines that one lease has to tell."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._characters = self._lost = self._told = 0
        self._batch: _Batch | None = None  #: sent, and not answered yet
        self._lock = threading.Lock()
        self._next_at = 0.0

    def add(self, record: logging.LogRecord) -> None:
        line = (record.created, record.levelname.lower(), _message(record), _item.get()[0], record.name)
        with self._lock:
            if not self._lines and not self._next_at:
                self._next_at = time.monotonic() + EVERY_S
            self._lines.append(line)
            self._characters += len(line[2])
            while len(self._lines) > LOG_LINES_KEPT or self._characters > BUFFER_CHARACTERS:
                self._characters -= len(self._lines.popleft()[2])
                self._lost += 1

    @property
    def is_empty(self) -> bool:
        return not self._lines and self._batch is None

    @property
    def is_due(self) -> bool:
        return not self.is_empty and time.monotonic() >= self._next_at

    def tell(self, ledger: Ledger, token: str) -> None:
        """
        Tell what there is now. A batch that is sent again after a lost reply is kept once.

        Raises:
            StoreUnavailable: What was not told stays, for a later call.
        """
        self._next_at = time.monotonic() + EVERY_S
        for _ in range(LOG_LINES_KEPT // LINES_PER_STEP + 1):  # those who write meanwhile are told next time
            self._batch = self._batch or self._take()
            if self._batch is None:
                return
            answer = ledger.step(
                "job_log",
                patience_s=0.0,
                token=token,
                seq=self._told + 1,
                lines=self._batch.lines,
                lost=self._batch.lost or None,
                kept=LOG_LINES_KEPT,
            )
            self._told += 1
            self._batch = None
            if answer.state == "gone":
                with self._lock:
                    self._lines.clear()
                    self._characters = 0

    def _take(self) -> _Batch | None:
        with self._lock:
            taken: list[Line] = []
            characters, lost, self._lost = 0, self._lost, 0
            while self._lines and len(taken) < LINES_PER_STEP and characters < STEP_CHARACTERS:
                taken.append(self._lines.popleft())
                characters += len(taken[-1][2])
            self._characters -= characters
        if not taken:
            return None
        return _Batch([_packed(line) for line in taken], lost)


class JobLogger(logging.LoggerAdapter[logging.Logger]):
    """`ctx.log`: bound to its job, so it may be used from threads that the handler starts itself."""

    def __init__(self, job_log: JobLog) -> None:
        super().__init__(logging.getLogger("vocaqueue.job"))
        self.job_log = job_log

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), "vocaqueue_log": self.job_log}
        return msg, kwargs


class _Gather(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = record.__dict__.get("vocaqueue_log") or _log.get()
        if log is not None:
            try:
                log.add(record)
            except Exception:
                self.handleError(record)


def install() -> Callable[[], None]:
    """
    Once in a worker's child: listen to all loggers from `LEVEL` on; what goes to the console stays as it was.

    Answers what undoes it.
    """
    root, ours, gather = logging.getLogger(), logging.getLogger("vocaqueue.job"), _Gather()
    parts: list[Any] = [root, ours, *root.handlers]
    before = [(part, part.level) for part in parts]
    for handler in root.handlers:
        handler.setLevel(max(handler.level, root.level))
    root.setLevel(min(root.level, LEVEL))
    ours.setLevel(logging.DEBUG)
    root.addHandler(gather)

    def undo() -> None:
        root.removeHandler(gather)
        for part, level in before:
            part.setLevel(level)

    return undo


def bound(log: object, work: Callable[[], T]) -> Callable[[], T]:
    """The work, whose logging calls go to this job's log; `log` is its `ctx.log`. Tasks that it starts inherit that."""

    def within() -> T:
        _log.set(log.job_log if isinstance(log, JobLogger) else None)
        return work()

    return lambda: copy_context().run(within)


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        text = f"{text}\n{record.exc_text}"
    if len(text) > LINE_CHARACTERS:
        cut = len(text) - LINE_CHARACTERS
        text = f"{text[: LINE_CHARACTERS - LINE_TAIL]} … ({cut} characters left out) … {text[-LINE_TAIL:]}"
    return text if text.isascii() else text.encode(errors="replace").decode()


def _packed(line: Line) -> str:
    at_s, level, message, item, logger = line
    text = json.dumps([round(at_s * 1000), level, message, item, logger], ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.encode(errors="replace").decode()
