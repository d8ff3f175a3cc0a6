"""Messages that were set aside: what came out of a queue and could not be work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..job import iso
from ..pages import Page
from .ledger import Ledger

KEPT = 10_000  #: the newest; older ones are forgotten
EXCERPT_BYTES = 1000  #: of each message


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside, once, by one worker."""

    id: str
    at_ms: int
    queue: str
    reason: str  #: stable code, such as not_json, unknown_task, unknown_job
    message: str  #: what is wrong with it, in a sentence
    raw: str  #: its beginning, at most `EXCERPT_BYTES`
    size_bytes: int  #: of the whole message
    worker: str

    def as_dict(self) -> dict[str, Any]:
        """camelCase, for the API."""
        return {
            "id": self.id,
            "timestamp": iso(self.at_ms),
            "queue": self.queue,
            "reason": self.reason,
            "message": self.message,
            "raw": self.raw,
            "sizeBytes": self.size_bytes,
            "worker": self.worker,
        }


#: Newest first.
DeadLetterPage = Page[DeadLetter]


class DeadLetters:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def add(
        self,
        letter_id: str,
        *,
        queue: str,
        reason: str,
        message: str,
        raw: bytes,
        size_bytes: int | None = None,
        worker: str,
        patience_s: float,
    ) -> None:
        """
        List a message. `letter_id` makes it safe to call again.

        Args:
            raw: The message, or its beginning; then `size_bytes` says how long the whole is.

        Raises:
            StoreUnavailable: Not answered within `patience_s`.
        """
        self.ledger.step(
            "dead_letter_add",
            patience_s=patience_s,
            id=letter_id,
            queue=queue,
            reason=reason,
            message=message,
            raw=raw[:EXCERPT_BYTES].decode("utf-8", "backslashreplace"),
            size=len(raw) if size_bytes is None else size_bytes,
            worker=worker,
            kept=KEPT,
        )

    def page(self, page: int = 1, limit: int = 20, *, patience_s: float = 2.0) -> DeadLetterPage:
        """A page of them, newest first."""
        keys, client = self.ledger.keys, self.ledger.client
        first = (page - 1) * limit

        def read() -> Any:
            pipe = client.pipeline(transaction=True)
            pipe.zcard(keys("dead_letters"))
            pipe.zrange(keys("dead_letters"), first, first + limit - 1, desc=True)
            return pipe.execute()

        total, ids = self.ledger.patiently(read, patience_s)
        stored = self.ledger.patiently(lambda: client.hmget(keys("dead_letter"), ids), patience_s) if ids else []
        letters = [_letter(name.decode(), json.loads(raw)) for name, raw in zip(ids, stored, strict=True) if raw]
        return DeadLetterPage(letters, page, limit, total)


def _letter(letter_id: str, known: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        at_ms=int(known["at"]),
        queue=known["queue"],
        reason=known["reason"],
        message=known["message"],
        raw=known["raw"],
        size_bytes=int(known["size"]),
        worker=known["worker"],
    )
