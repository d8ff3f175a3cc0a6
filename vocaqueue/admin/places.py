"""
How many streams there may be: in all, of one identity, and of one browser.

A browser opens six connections to a host over HTTP/1.1, for all its tabs together. Streams that took them all would
leave none for calls, and the seventh tab would wait for ever. So a browser's oldest stream ends when it opens one too
many; its EventSource comes back after the pause it was told, with its last id, and so pushes out the next. Each tab has
the stream for a while in turn, and misses nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..errors import VocaqueueError

TURN_MS = 250  #: a stream of a browser with too many goes on for about so long for each one that waits
RETRY_MS = 2000  #: after which a browser comes back when nothing else is said
LONGEST_RETRY_MS = 10_000
GONE_S = 15.0  #: a stream that has not come back by then was closed


class TooManyStreams(VocaqueueError):
    """There is no place for another stream."""

    code = "too_many_streams"


class Ending(Protocol):
    """A stream that can be asked to end."""

    def end(self, retry_ms: int) -> None: ...


class Browser:
    """The streams of one browser, the oldest first."""

    def __init__(self) -> None:
        self.streams: deque[Ending] = deque()
        self.ended: deque[float] = deque()  #: when streams were asked to end that have not come back

    def retry_ms(self, now: float) -> int:
        """The pause for a stream that ends: the longer the more wait, so that each has its turn for long enough."""
        while self.ended and now - self.ended[0] > GONE_S:
            self.ended.popleft()
        return min(LONGEST_RETRY_MS, max(2 * TURN_MS, (len(self.ended) + 1) * TURN_MS))


class Places:
    """
    The places of one process.

    Args:
        total: Streams, and calls that wait for a job.
        per_browser: Streams of one browser that are open at once; 0: any number, as behind HTTP/2.

    An identity has at most half of all places.
    """

    def __init__(self, total: int, per_browser: int) -> None:
        self.total, self.per_browser = total, per_browser
        self.per_identity = max(1, total // 2)
        self.taken = 0
        self.refused = 0
        self._of_identity: dict[str, int] = {}
        self._browsers: dict[str, Browser] = {}
        self._lock = threading.Lock()

    @contextmanager
    def take(self, identity: str) -> Iterator[None]:
        """A place until the block is left. Raises TooManyStreams."""
        self.enter(identity)
        try:
            yield
        finally:
            self.leave(identity)

    def enter(self, identity: str) -> None:
        """Take a place. Raises TooManyStreams."""
        with self._lock:
            of_identity = self._of_identity.get(identity, 0)
            if self.taken >= self.total:
                self.refused += 1
                raise TooManyStreams(f"All {self.total:,} streams and waiting calls are taken; come back later.")
            if of_identity >= self.per_identity:
                self.refused += 1
                raise TooManyStreams(f"You have {of_identity:,} streams and waiting calls open, as many as may be.")
            self.taken += 1
            self._of_identity[identity] = of_identity + 1

    def leave(self, identity: str) -> None:
        with self._lock:
            self.taken -= 1
            left = self._of_identity.get(identity, 0) - 1
            if left > 0:
                self._of_identity[identity] = left
            else:
                self._of_identity.pop(identity, None)

    def join(self, browser: str, stream: Ending) -> Callable[[], None]:
        """Note a stream, and ask the browser's oldest ones to end where it has too many. Answers what takes it off."""
        if not self.per_browser:
            return lambda: None
        now = time.monotonic()
        with self._lock:
            known = self._browsers.setdefault(browser, Browser())
            if known.ended:  # most likely one that comes back
                known.ended.popleft()
            known.streams.append(stream)
            ending = []
            while len(known.streams) > self.per_browser:
                ending.append((known.streams.popleft(), known.retry_ms(now)))
                known.ended.append(now)
        for oldest, retry_ms in ending:
            oldest.end(retry_ms)

        def leave() -> None:
            with self._lock:
                if stream in known.streams:
                    known.streams.remove(stream)
                if not known.streams and self._browsers.get(browser) is known:
                    del self._browsers[browser]

        return leave
