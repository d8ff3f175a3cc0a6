"""
The archivist: what the ledger's streams tell is stored in the archive, pass by pass.

A thread of the relay's process, at work only while that holds the relay's lock. The ledger never waits for it: while
the archive is away the streams grow, and each pass goes on where it stopped. How each pass does stands in the ledger,
for `vocaqueue doctor` and `/readyz`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tenacity import wait_exponential_jitter

from ..errors import VocaqueueError
from ..store.ledger import Ledger

log = logging.getLogger(__name__)

#: Stores what its stream has, at most one batch; answers how many entries that were. 0: there is nothing to do. Its
#: cursor moves in the transaction that stores (`archive.cursor`), so it may die anywhere and be run twice at once.
Pass = Callable[[], int]

REST_S = 0.25  #: between two looks at streams that had nothing
BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=30.0, jitter=0.5)  #: after a pass that failed
SAID_EVERY_S = 5.0  #: a pass that does well says so in the ledger


class Archivist:
    """
    Args:
        passes: By name. One that fails waits alone; the others go on.
        is_ours: Whether this process is the one at work.
    """

    def __init__(self, ledger: Ledger, passes: Mapping[str, Pass], is_ours: Callable[[], bool] = lambda: True) -> None:
        self.ledger, self.is_ours = ledger, is_ours
        self._passes = {name: _Turn(name, run) for name, run in passes.items()}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="archivist", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End after the batch in hand; one that hangs is left to the end of the process, which loses nothing."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def round(self) -> int:
        """Run each pass that is due once. Answers how many entries they stored."""
        return sum(self._one(turn) for turn in self._passes.values() if time.monotonic() >= turn.due)

    def _run(self) -> None:
        while not self._stopping.is_set():
            stored = self.round() if self.is_ours() else 0
            if not stored:
                self._stopping.wait(REST_S)

    def _one(self, turn: _Turn) -> int:
        try:
            stored = turn.run()
        except Exception as error:  # whatever a pass meets, it must not end the others
            turn.failed(error)
            self._say(turn, str(error))
            return 0
        if turn.did_well():
            self._say(turn, None)
        return stored

    def _say(self, turn: _Turn, error: str | None) -> None:
        """Tell the ledger how the pass does; best effort, since what keeps it away is often the ledger."""
        with suppress(Exception):
            told = {"at": self.ledger.now_ms(), "error": error, "failures": turn.failures}
            self.ledger.client.hset(self.ledger.keys("archivist"), turn.name, json.dumps(told))


class _Turn:
    """One pass between its runs. `iteration` is what tenacity's waits count by."""

    def __init__(self, name: str, run: Pass) -> None:
        self.name, self.run = name, run
        self.due = 0.0
        self.failures = 0
        self._said_at = 0.0

    @property
    def attempt_number(self) -> int:
        return self.failures

    def failed(self, error: Exception) -> None:
        self.failures += 1
        self._said_at = 0.0
        self.due = time.monotonic() + BACK_OFF(self)  # type: ignore[arg-type]
        if self.failures == 1 or not isinstance(error, VocaqueueError):
            expected = isinstance(error, VocaqueueError)
            log.warning("the archive's pass %s waits: %s", self.name, error, exc_info=None if expected else error)

    def did_well(self) -> bool:
        """Count it; answers whether that is to be told."""
        if self.failures:
            log.info("the archive's pass %s goes on", self.name)
        self.failures = 0
        if time.monotonic() - self._said_at < SAID_EVERY_S:
            return False
        self._said_at = time.monotonic()
        return True


def state_of(ledger: Ledger, patience_s: float = 2.0) -> dict[str, dict[str, Any]]:
    """
    How the passes do, by name: `at` (ms, when it last said something), `error` (None: it does well), `failures` in a
    row.

    Empty where no archivist ever ran. Raises StoreUnavailable.
    """
    found = ledger.patiently(lambda: ledger.client.hgetall(ledger.keys("archivist")), patience_s)
    return {name.decode(): json.loads(told) for name, told in found.items()}
