"""What one client of a stream has not been sent yet: bounded, so that a client that does not read costs little."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from contextlib import suppress

from .frames import Frame

INBOX_SIZE = 1000  #: frames that a client may be behind; at five events a second that is minutes


class Inbox:
    """
    Filled by the hub, emptied by the client's own thread. One that lets it fill up is cut off; it comes back with its
    last id.

    Args:
        job_id: It gets what belongs to this job only; None: everything.
        missed: What it gets first.
        hang_up: Ends the client's connection although its thread hangs in a write; safe to call at any time.
    """

    def __init__(
        self, job_id: str | None, missed: Iterable[Frame] = (), hang_up: Callable[[], None] | None = None
    ) -> None:
        self.job_id = job_id
        self.closed = False
        self.was_cut = False  #: it did not read; closed by the hub for that
        self._hang_up = hang_up
        # Looked up when it is needed: gevent may have put its own in place since this module was read.
        self._queue: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        for frame in missed:
            self._queue.put(frame)

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, frame: Frame) -> bool:
        """Answers whether the client is still followed."""
        if self.closed:
            return False
        if self._queue.qsize() >= INBOX_SIZE:
            self.cut()
            return False
        self._queue.put(frame)
        return True

    def get(self, timeout_s: float) -> Frame | None:
        """The next frame; None when the time is over or the inbox was closed."""
        if self.closed:
            return None
        try:
            frame = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        return None if self.closed else frame

    def cut(self) -> None:
        """Let go of a client that does not read."""
        self.was_cut = True
        self.close()
        if self._hang_up is not None:
            with suppress(OSError):  # it has left by itself
                self._hang_up()

    def close(self) -> None:
        self.closed = True
        self._queue = queue.SimpleQueue() if self._queue.qsize() else self._queue
        self._queue.put(None)
