"""When each API key was last used: written beside the requests, at most once a minute per key."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

EVERY_MS = 60_000


class LastUse:
    """
    Args:
        write: Writes one use: (key id, now_ms=, at_most_every_ms=). It may block, and may raise.
    """

    def __init__(self, write: Callable[..., Any]) -> None:
        self._write = write
        self._written: dict[str, int] = {}  #: key -> when we last took it on, whether or not it could be written
        self._due: dict[str, int] = {}
        self._lock = threading.Lock()
        self._is_writing = False

    def note(self, key_id: str, now_ms: int) -> None:
        """Never blocks: a thread, which ends when there is nothing more, does the writing."""
        with self._lock:
            if 0 <= now_ms - self._written.get(key_id, -EVERY_MS) < EVERY_MS:
                return
            self._written[key_id] = self._due[key_id] = now_ms
            if self._is_writing:
                return
            self._is_writing = True
        threading.Thread(target=self._run, daemon=True, name="vocaqueue-key-use").start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._due:
                    self._is_writing = False
                    return
                key_id, now_ms = self._due.popitem()
            try:
                self._write(key_id, now_ms=now_ms, at_most_every_ms=EVERY_MS)
            except Exception as error:  # of whatever kind: the next use, a minute later, is written again
                log.info("when a key was last used could not be written", extra={"reason": str(error)})
