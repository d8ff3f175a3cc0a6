"""Handlers of events, and the one daemon thread that runs them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ..store.events import Event, EventLog
from ..store.ledger import Ledger

log = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class Listeners:
    """Handlers of events, and the one thread that runs them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._handlers: list[tuple[str, Listener]] = []
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def add(self, name: str, handler: Listener) -> Callable[[], None]:
        with self._lock:
            self._handlers.append((name, handler))
            if self._thread is None:
                log_ = EventLog(self._ledger)
                # The position is taken here, so that nothing that happens after `on` returns is missed.
                position = log_.position()
                self._thread = threading.Thread(
                    target=self._run, args=(log_, position), daemon=True, name="vocaqueue-events"
                )
                self._thread.start()
        return lambda: self.remove(name, handler)

    def remove(self, name: str, handler: Listener) -> None:
        with self._lock:
            if (name, handler) in self._handlers:
                self._handlers.remove((name, handler))

    def close(self) -> None:
        self._closed = True

    def _run(self, log_: EventLog, position: str) -> None:
        run = ""
        while not self._closed:
            try:
                run = run or log_.server_run()
                batch = log_.read(position, run, block_ms=1000)
            except Exception as error:
                run = ""  # the server may come back as another one
                log.warning("no events for the moment", extra={"reason": str(error)})
                time.sleep(1.0)
                continue
            for event in batch:
                position = event.id.partition(".")[2]
                self._deliver(event)

    def _deliver(self, event: Event) -> None:
        with self._lock:
            wanted = [handler for name, handler in self._handlers if name in {event.name, "*"}]
        for handler in wanted:
            try:
                handler(event)
            except Exception:
                log.exception("a handler of %s failed", event.name)
