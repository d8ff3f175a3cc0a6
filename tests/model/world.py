"""What all rules of the model test share: the ledger and its model, a clock, a broker, and how a step is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from vocaqueue.store.ledger import Answer, Ledger, Ticket

from .invariants import History, check, inv_13_what_is_held_is_counted_as_paused
from .model import Job, Model
from .real import Real

START = 1_800_000_000_000
LEASE_MS = 6000
GAP_MS = 3000
HARD_MS = 30_000
FINISHES = {"alpha": False, "beta": True}
PASSES = {
    "lease_reap",
    "job_wake",
    "ticket_resend",
    "progress_flush",
    "ticket_sent",
    "lease_renew",
    "lease_keep",
    "limits_wake",
    "job_overdue",
    "line_purge",  # a repeat goes on with the next jobs
}

FATES = ("told", "told", "sent", "sent", "unsent", "lost")  #: what becomes of the tickets of an answer
FATE = st.sampled_from(FATES)
CHOICE = st.integers(0, 1 << 16)


@dataclass
class Holder:
    """A worker's child with a lease, or what it believes to be one."""

    token: str
    job: str
    ticket: int
    kind: str
    hand: list[int]
    name: str  #: the child of a main process
    permits: list[float] = field(default_factory=list)  #: when its calls may start
    seq: int = 0
    frozen: bool = False
    dead: bool = False


@dataclass
class Made:
    """A step that was made, to be made again."""

    name: str
    arguments: dict[str, Any]
    answer: Answer


class World(RuleBasedStateMachine):
    """Needs `make_ledger` set on a subclass: a function that makes a ledger in a fresh namespace."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.server = "server-1"
        self.model = Model(LEASE_MS, GAP_MS)
        self.history = History()
        self.broker: list[Ticket] = []
        self.issued: list[Ticket] = []
        self.to_tell: list[list[Any]] = []
        self.holders: list[Holder] = []
        self.made: list[Made] = []
        self.numbers = {"job": 0, "token": 0, "act": 0, "child": 0, "server": 1}
        self.went_back = False
        self.cuts = 0
        self.snapshot: tuple[Any, ...] | None = None
        self.ledger: Ledger

    def set_up(self, places: int, first: int, chunk_max: int) -> None:
        """
        Args:
            places: Jobs of a line that may have a ticket.
            first: Items of a job's first claim.
            chunk_max: Items that a claim takes at most.
        """
        self.places, self.first, self.chunk_max = places, first, chunk_max
        self.ledger = self.make_ledger(line_places=places, lease_s=LEASE_MS / 1000, heartbeat_s=2.0)

    def step(self, name: str, fate: str = "told", **arguments: Any) -> Answer:
        """One real step; its tickets then meet their fate."""
        answer = self.ledger.step(name, now=self.now, server=self.server, **arguments)
        if name not in PASSES and (answer.state != "refused" or "token" in arguments):
            self.made.append(Made(name, arguments, answer))
        self.meet(answer.tickets, fate)
        return answer

    def meet(self, tickets: Sequence[Ticket], fate: str) -> None:
        for ticket in tickets:
            self.issued.append(ticket)
            self.history.issued.setdefault(ticket.job_id, set()).add(ticket.number)
            if fate in {"told", "sent"}:
                self.broker.append(ticket)
            if fate in {"told", "lost"}:
                self.to_tell.append([ticket.job_id, ticket.number])

    def tell(self) -> list[list[Any]]:
        """What a caller has to say about tickets that have left."""
        told, self.to_tell = self.to_tell, []
        return told

    def read(self) -> Real:
        return Real.read(self.ledger.client, self.ledger.keys.prefix)

    def verify(self, *, woken: bool = False, cut: bool = False) -> Real:
        real = self.read()
        check(real, self.model, self.history, places=self.places, woken_at=self.now if woken else None, cut=cut)
        if self.model.gates:
            inv_13_what_is_held_is_counted_as_paused(real, self.ledger)
        return real

    def some_job(self, choice: int) -> Job:
        jobs = list(self.model.jobs.values())
        return jobs[choice % len(jobs)]

    def new(self, what: str) -> str:
        self.numbers[what] += 1
        return f"{what}{self.numbers[what]}"

    @property
    def awake(self) -> list[Holder]:
        return [holder for holder in self.holders if not holder.frozen and not holder.dead]
