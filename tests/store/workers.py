"""Claims and commits as workers make them, by a clock of the test's own, with an inbox of tickets."""

from __future__ import annotations

import json
from typing import Any

from vocaqueue.store.ledger import Answer, Ledger, Ticket

START = 1_800_000_000_000


class Workers:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.now, self.numbers = ledger, START, 0
        self.tickets: list[Ticket] = []
        self.declared: dict[str, str] = {}
        self.used = 0  #: tickets

    def step(self, name: str, **arguments: Any) -> Answer:
        answer = self.ledger.step(name, now=self.now, server="one", **arguments)
        self.tickets += answer.tickets
        return answer

    def declare(self, type_name: str, **limits: Any) -> None:
        """What the code of a type says; told with each claim."""
        rates = {name: rate and rate.as_step() for name, rate in limits.items() if name in {"rate", "account_rate"}}
        given = {"rate": None, "account_rate": None, "account": None, "cap": None}
        self.declared[type_name] = json.dumps(given | limits | rates, sort_keys=True)

    def create(self, job: str, total: int, type_name: str = "toy", priority: int = 3) -> None:
        self.step(
            "job_create",
            id=job,
            type=type_name,
            priority=priority,
            params="{}",
            total=total,
            attempts=4,
            backoff_ms=100,
        )

    def claim(self, *, at_once: int = 100, chunk_max: int = 10_000, together: bool | None = None) -> tuple[str, Answer]:
        """Use the oldest ticket."""
        ticket = self.tickets.pop(0)
        self.used += 1
        self.numbers += 1
        token = f"t{self.numbers}"
        answer = self.step(
            "lease_claim", job=ticket.job_id, ticket=ticket.number, token=token, holder="h", hard_ms=60_000,
            finishes=False, first=at_once, at_once=at_once, chunk_ms=2000, chunk_max=chunk_max, set=together,
            limits=self.declared.get(ticket.type),
        )  # fmt: skip
        return token, answer

    def done(self, token: str, answer: Answer, *, unused: int = 0, count: int | None = None) -> None:
        """Commit the first `count` items of the lease (all of them), and close it."""
        items = [i for a, b in answer.data["ranges"] for i in range(a, b)][:count]
        self.step(
            "lease_commit", token=token, seq=1, done=[[i, i + 1] for i in items], jitter=0, close=True,
            unused=unused or None, begun=len(items), elapsed_ms=1,
        )  # fmt: skip
