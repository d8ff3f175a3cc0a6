"""The worker's side of a lease: numbered steps, beats, and patience while the ledger is away."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from typing import Any

from ..outcome import Item, Kind, Outcome
from ..store.ledger import Answer, Ledger, Ticket, ranges
from .chunk import Result
from .tickets import TicketOffice

#: One commit settles no more: a longer script would hold up everybody else's.
ITEMS_PER_COMMIT = 1000
LIMITED_FOR_S = 1.0  #: a provider that refused a call for its rate and did not say for how long


class Holder:
    """Makes the steps of one lease, each with its own number, so that a repeated one counts once."""

    def __init__(self, ledger: Ledger, office: TicketOffice, token: str) -> None:
        self.ledger, self.office, self.token = ledger, office, token
        self.seq = 0
        self.wait = (
            False  #: begin no further item for now: the type was held, or its provider has asked everybody to wait
        )
        self.stop = False  #: begin no further item: the job is being stopped, or the lease is lost
        self.is_lost = False  #: somebody else has the items now; what is in hand may still end, and count as done
        self._sent: list[tuple[str, int]] = []
        self._beat_at = time.monotonic()

    def publish(self, tickets: Iterable[Ticket]) -> None:
        """Send the tickets that a step gave; that they have left is told with the next step."""
        self._sent += self.office.send(list(tickets))

    @property
    def is_beat_due(self) -> bool:
        # A ticket that nobody says to have sent is sent again after two seconds.
        pause_s = 1.0 if self._sent else self.ledger.settings.heartbeat_s
        return time.monotonic() - self._beat_at >= pause_s

    def beat(self, patience_s: float) -> None:
        """Raises StoreUnavailable."""
        self._take(self.ledger.step("lease_renew", patience_s=patience_s, token=self.token, sent=self._told()))

    def commit(
        self,
        results: list[Result],
        *,
        current: str | None = None,
        patience_s: float,
        close: bool = False,
        begun: int = 0,
        elapsed_ms: int = 0,
        unused: int = 0,
        breaker: tuple[int | None, int | None] | None = None,
        fatal: dict[str, str] | None = None,
    ) -> None:
        """
        Settle outcomes (`ITEMS_PER_COMMIT` at most); with `close` the rest of the lease goes back.

        Raises:
            StoreUnavailable: Not answered within `patience_s`; calling it again with the same outcomes is safe.
        """
        answer = self.ledger.step(
            "lease_commit",
            patience_s=patience_s,
            token=self.token,
            seq=self.seq + 1,
            current=current,
            jitter=random.random(),
            close=close or None,
            begun=begun or None,
            elapsed_ms=elapsed_ms or None,
            unused=unused or None,
            breaker=breaker,
            fatal=fatal,
            sent=self._told(),
            **_outcomes(results),
        )
        self.seq += 1
        self._take(answer)

    def end(self, step: str, patience_s: float, **arguments: Any) -> Answer:
        """The one closing step of a plan or finish lease. Raises StoreUnavailable."""
        answer = self.ledger.step(step, patience_s=patience_s, token=self.token, **arguments)
        self.tell_sent(answer.tickets)
        return answer

    def tell_sent(self, tickets: Iterable[Ticket] = ()) -> None:
        """Send what a last step gave, and tell the ledger now, as no further step will."""
        self.publish(tickets)
        if sent := self._told():
            self._sent = []
            self.ledger.step("ticket_sent", sent=sent)

    def _told(self) -> list[tuple[str, int]] | None:
        return self._sent or None

    def _take(self, answer: Answer) -> None:
        self._beat_at = time.monotonic()
        self._sent = []
        self.is_lost = answer.state != "ok"
        self.stop = self.stop or bool(answer.data.get("stop"))
        self.wait = self.wait or bool(answer.data.get("wait"))
        self.publish(answer.tickets)


def _outcomes(results: list[Result]) -> dict[str, Any]:
    by_kind: dict[Kind, list[int]] = {Kind.DONE: [], Kind.SKIPPED: []}
    failed: list[list[Any]] = []
    limited: list[list[int]] = []
    cost = 0
    for item, outcome in results:
        cost += outcome.cost_nano
        if outcome.kind is Kind.FAILED:
            failed.append(_failure(item, outcome))
        elif outcome.kind is Kind.LIMITED:
            after_s = LIMITED_FOR_S if outcome.retry_after_s is None else max(0.0, outcome.retry_after_s)
            limited.append([item.index, round(after_s * 1000)])
        else:
            by_kind[outcome.kind].append(item.index)
    return {
        "done": ranges(by_kind[Kind.DONE]) or None,
        "skipped": ranges(by_kind[Kind.SKIPPED]) or None,
        "failed": failed or None,
        "limited": limited or None,
        "cost_nano": cost or None,
    }


def _failure(item: Item, outcome: Outcome) -> list[Any]:
    after_ms = None if outcome.retry_after_s is None else round(outcome.retry_after_s * 1000)
    return [item.index, item.id, item.name or item.id, outcome.code, outcome.message, outcome.retryable, after_ms]
