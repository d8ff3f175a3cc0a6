"""Setting messages aside: one line in the log, one entry among the dead letters, and the worker goes on."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from uuid import uuid4

from ..errors import StoreUnavailable
from ..settings import Settings
from ..store.client import make_client
from ..store.dead_letters import EXCERPT_BYTES, DeadLetters
from ..store.ledger import Ledger

log = logging.getLogger("vocaqueue.dead_letters")

WAITING_KEPT = 1000  #: that could not be listed yet, in one worker's memory
READ_TIMEOUT_S = 1.0  #: a worker's main process must not stand still for a ledger that is away
AGAIN_S = 3.0  #: nor try again with each message

SENTENCES = {
    "not_json": "It is not JSON.",
    "too_deep": "Its JSON is nested too deeply.",
    "not_a_message": "It is JSON, but no Celery message.",
    "bad_envelope": "Its headers or properties are not those of a Celery message.",
    "bad_body": "Its body cannot be decoded to arguments, keywords and options.",
    "bad_content_type": "Its body is not JSON; nothing else is accepted.",
    "bad_header": "A header of it (a time limit, an ETA, retries) makes no sense.",
    "bad_arguments": "Its arguments are not a job's id and the number of a ticket.",
    "no_task": "It names no task.",
    "unknown_task": "No task of that name is known here.",
    "unknown_job": "There is no such job in the ledger: it was removed, or the ledger was set back.",
    "other_type": "The job is of another type than the task.",
}


@dataclass(slots=True)
class _Letter:
    id: str
    queue: str
    reason: str
    message: str
    raw: bytes  #: its beginning
    size: int


class Aside:
    """
    Where a process of an app puts messages that cannot be work.

    A ledger that is away is not waited for: the entry stays in memory (`WAITING_KEPT` of them), and is listed with the
    next one or by `flush`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker = ""  #: name of the worker, once there is one
        self._not_before = 0.0
        self._waiting: deque[_Letter] = deque(maxlen=WAITING_KEPT)
        self._letters: DeadLetters | None = None

    def put(self, queue: str, reason: str, raw: bytes | str, *, detail: str = "") -> None:
        """Say it, list it. Never raises for a ledger that is away."""
        data = raw.encode("utf-8", "backslashreplace") if isinstance(raw, str) else bytes(raw)
        message = SENTENCES[reason] + (f" {' '.join(detail.split())[:300]}" if detail else "")
        log.warning(
            "set aside a message of queue %s (%s): %s %d bytes: %r", queue, reason, message, len(data), data[:100]
        )
        self._waiting.append(_Letter(uuid4().hex, queue, reason, message, data[:EXCERPT_BYTES], len(data)))
        self.flush()

    def flush(self) -> None:
        """List what could not be listed before; soon after a try in vain it does nothing."""
        while self._waiting and time.monotonic() >= self._not_before:
            letter = self._waiting[0]
            try:
                self._store().add(
                    letter.id,
                    queue=letter.queue,
                    reason=letter.reason,
                    message=letter.message,
                    raw=letter.raw,
                    size_bytes=letter.size,
                    worker=self.worker,
                    patience_s=0,
                )
            except StoreUnavailable:
                self._not_before = time.monotonic() + AGAIN_S
                return
            except Exception:
                log.exception("a message that was set aside cannot be listed")
            self._waiting.popleft()

    def _store(self) -> DeadLetters:
        if self._letters is None:
            client = make_client(self.settings.redis_url, read_timeout_s=READ_TIMEOUT_S)
            self._letters = DeadLetters(Ledger(self.settings, client))
        return self._letters
