"""A number in the job store that says whether API keys have changed; each process looks at it once a second."""

from __future__ import annotations

import time

from ..errors import StoreUnavailable
from .ledger import Ledger

LOOK_EVERY_S = 1.0


class Generation:
    """Safe for threads: at worst two look at once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._key = ledger.keys("keys_generation")
        self._number: int | None = None
        self._looked_at = -LOOK_EVERY_S

    def get(self) -> int | None:
        """The number, a second old at most. None: the job store does not answer."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now  # others go on with the last one meanwhile
            try:
                self._number = int(self._ledger.patiently(lambda: self._ledger.client.get(self._key), 0.0) or 0)
            except StoreUnavailable:
                self._number = None
        return self._number

    def raise_(self) -> None:
        """Tell all processes. Twice, after a lost reply, is harmless. Raises StoreUnavailable."""
        self._number = int(self._ledger.patiently(lambda: self._ledger.client.incr(self._key), 2.0))
        self._looked_at = time.monotonic()
