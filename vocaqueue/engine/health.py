"""
Whether all that a job needs is there: for `/readyz`, `vocaqueue doctor`, and whoever embeds the queue.

What is asked may be frozen rather than gone, so every part is asked at once, by a thread of its own, and whoever asks
waits a bounded time. A part that has not answered yet is not asked again meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import VocaqueueError
from ..store.processes import Process, read_processes

if TYPE_CHECKING:
    from .queue import QueueManager

log = logging.getLogger(__name__)

LONGEST_S = 2.0
KEPT_S = 1.0  #: an answer is good for so long, however many ask
PROCESSES = ("relay", "reconciler", "beat")
WORKER_SILENT_S = 20.0  #: a worker says every few seconds that it is there


class NotReadyError(VocaqueueError):
    """A part is not as it must be. The message is for anybody: no addresses, no secrets."""

    code = "not_ready"

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more = more


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part."""

    ok: bool
    message: str = ""  #: where it is not: why
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok} | ({"message": self.message} if self.message else {}) | dict(self.more)


class Run:
    """One question to one part, which may never be answered."""

    def __init__(self, name: str, ask: Callable[[], Mapping[str, Any]]) -> None:
        self.name, self._ask = name, ask
        self.found: Check | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, daemon=True, name=f"vocaqueue-check-{name}").start()

    def _run(self) -> None:
        try:
            self.found = Check(True, more=self._ask())
        except NotReadyError as error:
            self.found = Check(False, error.message, error.more)
        except Exception as error:
            # Its words may name an address, so they are for the log.
            log.warning("%s is not ready: %s", self.name, error)
            self.found = Check(False, "It does not answer.")
        self.done.set()


class Checks:
    """
    Several parts, asked together.

    Args:
        parts: Name -> what raises where the part is not there, and else answers what more there is to say.
    """

    def __init__(self, parts: Mapping[str, Callable[[], Mapping[str, Any]]], *, longest_s: float = LONGEST_S) -> None:
        self._parts, self._longest_s = dict(parts), longest_s
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._kept: tuple[float, dict[str, Check]] | None = None

    def look(self) -> dict[str, Check]:
        """What is known of each part, at most a second old; within about `longest_s`, whatever hangs."""
        with self._lock:
            if self._kept is not None and time.monotonic() - self._kept[0] < KEPT_S:
                return self._kept[1]
            for name, ask in self._parts.items():
                if name not in self._runs:
                    self._runs[name] = Run(name, ask)
            until = time.monotonic() + self._longest_s
            found = {name: self._await(name, until) for name in self._parts}
            self._kept = (time.monotonic(), found)
            return found

    def _await(self, name: str, until: float) -> Check:
        run = self._runs[name]
        run.done.wait(max(0.0, until - time.monotonic()))
        if run.found is None:
            return Check(False, f"It has not answered within {self._longest_s:g} s.")
        del self._runs[name]
        return run.found


def parts_of(queue: QueueManager) -> dict[str, Callable[[], Mapping[str, Any]]]:
    """The parts that every system has, by name."""
    return {
        "jobStore": lambda: _store(queue),
        "broker": lambda: _broker(queue),
        "archive": lambda: _archive(queue),
        "workers": lambda: _workers(queue),
        "audit": lambda: _audit(queue),
        **{kind: lambda kind=kind: _process(queue, kind) for kind in PROCESSES},  # type: ignore[misc]
    }


def _store(queue: QueueManager) -> dict[str, Any]:
    queue.ledger.client.ping()
    return {}


def _broker(queue: QueueManager) -> dict[str, Any]:
    with queue.broker_connection() as connection:
        connection.ensure_connection(max_retries=0, timeout=LONGEST_S)
        channel = connection.default_channel
        if hasattr(channel, "client"):  # Redis: a connection is made only when it is used
            channel.client.ping()
    return {}


def _archive(queue: QueueManager) -> dict[str, Any]:
    queue.aside(queue.ask_archive)
    return {}


def _audit(queue: QueueManager) -> dict[str, Any]:
    trouble = queue.audit.trouble(with_reason=False)
    if trouble and queue.audit.is_full():
        raise NotReadyError(trouble)
    return {"message": trouble} if trouble else {}


def _workers(queue: QueueManager) -> dict[str, Any]:
    types = {
        name: [
            {"worker": worker, "slots": count, "ageSeconds": age_s}
            for worker, (count, age_s) in sorted(of_type.items())
            if age_s < WORKER_SILENT_S
        ]
        for name, of_type in queue.slots().items()
    }
    if missing := [name for name, workers in types.items() if not workers]:
        raise NotReadyError(f"No worker runs for {', '.join(missing)}.", types=types)
    return {"types": types}


def _process(queue: QueueManager, kind: str) -> dict[str, Any]:
    there = [p for p in read_processes(queue.ledger, queue.patience_s) if p.kind == kind and p.is_there]
    if not there:
        raise NotReadyError(f"No {kind} runs. {_STARTED_BY[kind]}")
    return {"processes": [_shown(process) for process in there]}


def _shown(process: Process) -> dict[str, Any]:
    return {"name": process.name, "ageSeconds": process.age_s}


_STARTED_BY = {
    "relay": "Start one: vocaqueue relay",
    "reconciler": "Start one: vocaqueue reconciler",
    "beat": "Start one: vocaqueue beat",
}
