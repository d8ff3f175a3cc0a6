"""The permits of one lease: times before which no call may start, and after which one is too late."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SOONER_S = 0.0005  #: a sleep may end so much early


class Permits:
    """
    What a claim was granted, in this process's own clock. Not safe for threads: the chunk asks under its lock.

    The ledger's answer arrives after it was made, so a time worked out from it is late by the way back, never early.

    Args:
        granted: `permits` (times of the ledger's clock, ms, in order), `late_ms` and `now` of the answer.
        received_at: `time.monotonic()` when the answer came.
    """

    def __init__(self, granted: dict[str, Any], received_at: float) -> None:
        self.times = [received_at + (float(at) - float(granted["now"])) / 1000 for at in _list(granted.get("permits"))]
        self.late_s = float(granted.get("late_ms") or 0) / 1000
        self.used = 0
        self._next = 0

    def take(self, now: float) -> float | None:
        """0.0: start now; above: seconds until the next permit is due; None: there is none in time any more."""
        while self._next < len(self.times) and now > self.times[self._next] + self.late_s:
            self._next += 1  # passed while something else was in hand; a start now would come too close to a later one
        if self._next >= len(self.times):
            return None
        wait_s = self.times[self._next] - now
        if wait_s > SOONER_S:
            return wait_s
        self._next += 1
        self.used = self._next
        return 0.0

    @property
    def unused(self) -> int:
        """How many at the end were not used; those that passed in between are gone."""
        return len(self.times) - self.used

    def is_late(self, now: float) -> bool:
        """Whether the first one cannot be used any more."""
        return bool(self.times) and now > self.times[0] + self.late_s


def _list(found: Iterable[Any] | None) -> list[Any]:
    return list(found or ())  # Lua's empty table is {} in JSON
