"""
The steps of the model test: callers, a broker that loses and doubles, workers that die and come back, and a clock.

Each rule makes one real step, the same step on the model, and then checks everything. The callers are as faulty as can
be: a reply is lost after a step was made, tickets are not sent or not said to be sent, old commands arrive again.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from vocaqueue.store.ledger import Answer, Ledger, Ticket

from .invariants import History, check
from .model import Job, Model
from .real import Real

START = 1_800_000_000_000
LEASE_MS = 6000
GAP_MS = 3000
HARD_MS = 30_000
FINISHES = {"alpha": False, "beta": True}
PASSES = {"lease_reap", "job_wake", "ticket_resend", "progress_flush", "ticket_sent", "lease_renew", "lease_keep"}
#: A repeat of these says what is so now; nobody waits for more than that.
ANSWERS_DIFFER = {"job_create", "job_cancel", "job_remove", "lease_died"}

FATES = ("told", "told", "sent", "sent", "unsent", "lost")  #: what becomes of the tickets of an answer
FATE = st.sampled_from(FATES)
CHOICE = st.integers(0, 1 << 16)
OUTCOMES = ("open", "done", "skipped", "failed", "retryable")


@dataclass
class Holder:
    """A worker's child with a lease, or what it believes to be one."""

    token: str
    job: str
    ticket: int
    kind: str
    hand: list[int]
    seq: int = 0
    frozen: bool = False
    dead: bool = False


@dataclass
class Made:
    """A step that was made, to be made again."""

    name: str
    arguments: dict[str, Any]
    answer: Answer
    state: dict[str, Any] = field(default_factory=dict)


def as_ranges(items: Sequence[int], *, single: bool) -> list[list[int]]:
    found: list[list[int]] = []
    for i in sorted(items):
        if found and found[-1][1] == i and not single:
            found[-1][1] = i + 1
        else:
            found.append([i, i + 1])
    return found


class LedgerMachine(RuleBasedStateMachine):
    """Needs `make_ledger` set on a subclass: a function that makes a ledger in a fresh namespace."""

    make_ledger: Any

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
        self.numbers = {"job": 0, "token": 0, "server": 1}
        self.went_back = False
        self.cuts = 0
        self.snapshot: tuple[Any, ...] | None = None
        self.ledger: Ledger

    @initialize(places=st.sampled_from([1, 2, 3, 16]), first=st.integers(1, 6), chunk_max=st.sampled_from([50, 7, 1]))
    def begin(self, places: int, first: int, chunk_max: int) -> None:
        self.places, self.first, self.chunk_max = places, first, chunk_max
        self.ledger = self.make_ledger(line_places=places, lease_s=LEASE_MS / 1000, heartbeat_s=2.0)

    # ---- making steps

    def step(self, name: str, fate: str = "told", **arguments: Any) -> Answer:
        """One real step; its tickets then meet their fate."""
        answer = self.ledger.step(name, now=self.now, server=self.server, **arguments)
        if name not in PASSES and answer.state != "refused":
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

    # ---- callers

    @precondition(lambda self: len(self.model.jobs) < 5)
    @rule(
        kind=st.sampled_from(["beta", "beta", "alpha"]),
        priority=st.integers(1, 4),
        total=st.sampled_from([1, None, 0, 1, 2, 1, 2, 3, 4, 8, 13, 130]),
        attempts=st.integers(1, 4),
        backoff_ms=st.sampled_from([200, 2000]),
        delay=st.sampled_from([None, None, None, 500, 30_000]),
        fate=FATE,
    )
    def submit(
        self, kind: str, priority: int, total: int | None, attempts: int, backoff_ms: int, delay: int | None, fate: str
    ) -> None:
        priority = 1 if priority < 4 else 4  # so that the line is shared
        run_at = None if delay is None else self.now + delay
        job = Job(self.new("job"), kind, priority, total, attempts, backoff_ms, run_at, FINISHES[kind])
        answer = self.step(
            "job_create", fate, id=job.id, type=kind, priority=priority, params="{}", total=total, attempts=attempts,
            backoff_ms=job.backoff_ms, run_at=run_at,
        )  # fmt: skip
        assert answer.state == "created"
        self.model.create(job, self.now)
        self.verify()

    def cancel(self, choice: int, fate: str) -> None:
        job = self.some_job(choice)
        answer = self.step("job_cancel", fate, id=job.id)
        if job.has_ended:
            assert answer.state == "refused"
            assert answer.data["status"] in job.status
        else:
            assert answer.state == (
                "stopping" if job.leases or (job.begun and answer.state == "stopping") else "cancelled"
            )
        self.model.cancel(job)
        self.verify()

    def remove(self, choice: int) -> None:
        job = self.some_job(choice)
        answer = self.step("job_remove", id=job.id)
        assert answer.state == ("removed" if job.has_ended else "refused")
        if job.has_ended:
            self.model.remove(job)
        self.verify()

    # ---- tickets and claims

    @precondition(lambda self: self.broker)
    @rule(choice=CHOICE, doubled=st.booleans(), fate=FATE)
    def deliver(self, choice: int, doubled: bool, fate: str) -> None:
        """The broker hands out a ticket, in any order; sometimes it keeps a copy."""
        at = choice % len(self.broker)
        ticket = self.broker[at] if doubled and choice % 4 == 0 else self.broker.pop(at)
        self.claim(ticket, fate)
        self.verify()

    @precondition(lambda self: self.broker)
    @rule(n=st.integers(1, 3))
    def deliver_in_order(self, n: int) -> None:
        """The usual case, so that the runs get somewhere."""
        for _ in range(min(n, len(self.broker))):
            self.claim(self.broker.pop(0), "told")
            self.verify()

    @rule(ms=st.sampled_from([300, 2500, 5000]))
    def work_comes_back(self, ms: int) -> None:
        """A while passes, retries are due, and every worker that is free takes a ticket."""
        self.now += ms
        self.pass_of_time()
        for ticket in self.broker[:8]:
            self.broker.remove(ticket)
            self.claim(ticket)
            self.verify()

    def deliver_any(self, choice: int, fate: str) -> None:
        """A ticket that was ever issued turns up again."""
        self.claim(self.issued[choice % len(self.issued)], fate)
        self.verify()

    def broker_loses(self, choice: int) -> None:
        self.broker.pop(choice % len(self.broker))

    def claim(self, ticket: Ticket, fate: str = "told") -> Holder | None:
        job = self.model.jobs.get(ticket.job_id)
        before = self.read()
        token = self.new("token")
        answer = self.step(
            "lease_claim", fate, job=ticket.job_id, ticket=ticket.number, token=token, holder="a test", hard_ms=HARD_MS,
            finishes=FINISHES[ticket.type], first=self.first, chunk_ms=2000, chunk_max=self.chunk_max,
        )  # fmt: skip
        if job is None:  # created in a second that was forgotten
            assert answer.state == "gone"
            assert self.read().raw == before.raw, "20: a ticket of a job that is gone left something"
            return None
        real_job = before.jobs[job.id]
        if ticket.number <= job.last:
            assert answer.state == "stale", f"10: ticket {ticket.number} was used, and the answer is {answer.state}"
        if answer.state != "lease":
            assert answer.state in {"stale", "nothing"}
            if ticket.number > job.last:
                assert job.has_ended or job.stops or not real_job.unclaimed() or "delayed" in job.status, (
                    f"8: a good ticket found nothing to do: {real_job.fields}"
                )
                job.last = ticket.number
            return None
        self.check_claim(job, real_job, answer)
        kind, fence = answer.data["kind"], int(answer.data["fence"])
        items = [i for a, b in answer.data.get("ranges", []) for i in range(a, b)]
        assert fence > max(self.model.fences, default=0) or (self.cuts and self.went_back), "7: a fence came again"
        self.model.claim(job, token, kind, items, ticket.number, fence, self.now, HARD_MS)
        holder = Holder(token, job.id, ticket.number, kind, items)
        self.holders.append(holder)
        return holder

    def check_claim(self, job: Job, before: Any, answer: Answer) -> None:
        """What a lease may hold."""
        kind = answer.data["kind"]
        assert not job.has_ended, "11: a claim of a job that has ended"
        assert kind == job.phase, f"a claim of kind {kind} in phase {job.phase}"
        assert not job.stops or kind == "finish", "19: a claim after the cancel"
        assert kind == "run" or not job.leases, f"two leases of kind {kind}"
        if kind != "run":
            return
        items = [i for a, b in answer.data["ranges"] for i in range(a, b)]
        assert len(items) == len(set(items)) == answer.data["count"] > 0
        assert len(items) <= max(self.chunk_max, 1), f"claimed {len(items)}, at most {self.chunk_max}"
        for i in items:
            item = job.items[i]
            assert item.may <= {"open", "retry"}, f"1: item {i} is {item.may} and was claimed"
            if item.may == {"retry"}:
                assert before.retry[i] <= self.now, f"17: item {i} was claimed before its retry was due"
        assert len(items) == 1 or not set(items) & set(before.suspects), "18: a suspect was claimed in company"
        due = {i for i, at in before.retry.items() if at <= self.now}
        alone = len(items) == 1 and items[0] in before.suspects
        assert not due or due & set(items) or alone, f"due retries {due} were passed over for {items}"

    # ---- holders

    @precondition(lambda self: any(holder.kind == "run" for holder in self.awake))
    @rule(
        choice=CHOICE,
        outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=6),
        rest=st.sampled_from(("done", "done", *OUTCOMES)),
        close=st.sampled_from([False, False, True]),
        single=st.booleans(),
        cost=st.sampled_from([0, 7, 1_000_000]),
        after_ms=st.sampled_from([None, None, 10_000]),
        fatal=st.sampled_from([False] * 15 + [True]),
        fate=FATE,
    )
    def commit(
        self, choice: int, outcomes: list[str], rest: str, close: bool, single: bool, cost: int, after_ms: int | None,
        fatal: bool, fate: str,
    ) -> None:  # fmt: skip
        """Some of what is in hand, in any split, by somebody whose lease may be gone."""
        holders = [holder for holder in self.awake if holder.kind == "run"]
        holder = holders[choice % len(holders)]
        chosen = dict(zip(holder.hand, outcomes + [rest] * len(holder.hand), strict=False))
        self.hand_in(holder, chosen, close=close, single=single, cost=cost, after_ms=after_ms, fatal=fatal, fate=fate)
        self.verify()

    def hand_in(
        self, holder: Holder, chosen: dict[int, str], *, close: bool, single: bool = False, cost: int = 0,
        after_ms: int | None = None, fatal: bool = False, fate: str = "told",
    ) -> None:  # fmt: skip
        by = {outcome: [i for i, each in chosen.items() if each == outcome] for outcome in OUTCOMES}
        failed = [(i, "bad_row", False, None) for i in by["failed"]]
        failed += [(i, "busy", True, after_ms) for i in by["retryable"]]
        holder.seq += 1
        holder.hand = by["open"]
        answer = self.step(
            "lease_commit", fate, token=holder.token, seq=holder.seq,
            done=as_ranges(by["done"], single=single), skipped=as_ranges(by["skipped"], single=single),
            failed=[[i, f"w{i}", f"word {i}", code, "a sentence", again, after] for i, code, again, after in failed],
            cost_nano=cost, jitter=0.5, close=close, begun=len(chosen) - len(by["open"]) if close else None,
            elapsed_ms=100 if close else None, fatal={"code": "bad_key", "message": "No key."} if fatal else None,
            sent=self.tell(),
        )  # fmt: skip
        job = self.model.jobs.get(holder.job)
        live = job is not None and holder.token in job.leases
        assert answer.state == self.expected(holder, live), f"{answer}, {live=}"
        if not live:
            assert answer.data["stop"] is True
        self.model.commit(
            holder.token, holder.seq, self.now, done=by["done"], skipped=by["skipped"], failed=failed, cost_nano=cost,
            close=close, fatal=fatal,
        )  # fmt: skip
        if live and job is not None and not close:
            assert answer.data["stop"] is bool(job.stops), "19: a holder is told to stop when its job is stopped"
        if close:
            self.holders.remove(holder)

    @precondition(lambda self: any(holder.kind == "run" and holder.hand for holder in self.awake))
    @rule(choice=CHOICE, n=st.integers(1, 6))
    def provider_is_away(self, choice: int, n: int) -> None:
        """Items fail for now, and their holder goes on with what it has."""
        holders = [holder for holder in self.awake if holder.kind == "run" and holder.hand]
        holder = holders[choice % len(holders)]
        chosen = {i: "retryable" if at < n else "open" for at, i in enumerate(holder.hand)}
        self.hand_in(holder, chosen, close=False)
        self.verify()

    def expected(self, holder: Holder, live: bool) -> str:
        """What a step with this holder's token is answered."""
        if holder.token not in self.model.tokens:  # the ledger was put back to before its claim
            return "gone"
        return "ok" if live else "closed"

    @precondition(lambda self: any(holder.kind == "plan" for holder in self.awake))
    @rule(choice=CHOICE, total=st.sampled_from([0, 1, 3, 9, 20]), how=CHOICE, fate=FATE)
    def end_plan(self, choice: int, total: int, how: int, fate: str) -> None:
        holders = [holder for holder in self.awake if holder.kind == "plan"]
        holder = holders[choice % len(holders)]
        if how % 5 < 3:
            answer = self.step("lease_plan", fate, token=holder.token, total=total, source='{"file": 1}')
            live = self.model.plan(holder.token, total)
            self.after_phase(holder, answer, live)
        else:
            self.fail_phase(holder, how, fate)

    @precondition(lambda self: any(holder.kind == "finish" for holder in self.awake))
    @rule(choice=CHOICE, how=CHOICE, fate=FATE)
    def end_finish(self, choice: int, how: int, fate: str) -> None:
        holders = [holder for holder in self.awake if holder.kind == "finish"]
        holder = holders[choice % len(holders)]
        if how % 5 < 3:
            result = json.dumps({"by": holder.token})
            answer = self.step("lease_finish", fate, token=holder.token, result=result)
            live = self.model.finish(holder.token, result)
            self.after_phase(holder, answer, live)
        else:
            self.fail_phase(holder, how, fate)

    def fail_phase(self, holder: Holder, how: int, fate: str) -> None:
        if how % 5 == 3:
            answer = self.step("lease_release", fate, token=holder.token)
            live = self.model.release(holder.token)
        else:
            final = how % 3 == 0
            answer = self.step("lease_fail", fate, token=holder.token, code="away", message="It is away.", final=final)
            live = self.model.fail_phase(holder.token, final)
        self.after_phase(holder, answer, live)

    def after_phase(self, holder: Holder, answer: Answer, live: bool) -> None:
        assert answer.state == self.expected(holder, live)
        self.holders.remove(holder)
        self.verify()

    def renew(self, choice: int) -> None:
        self.beat(self.awake[choice % len(self.awake)])
        self.verify()

    def beat(self, holder: Holder) -> None:
        answer = self.step("lease_renew", token=holder.token, sent=self.tell())
        job = self.model.jobs.get(holder.job)
        live = job is not None and holder.token in job.leases
        assert answer.state == self.expected(holder, live)
        assert answer.data["stop"] is (not live or bool(job and job.stops)), "19: told to stop"
        self.model.renew(holder.token, self.now)

    def keep(self, choice: int) -> None:
        """A main process speaks for its children, those of which the ledger knows better among them."""
        held = [holder for at, holder in enumerate(self.holders) if not holder.dead and choice >> at & 1]
        tickets = {(holder.job, holder.ticket) for holder in held}
        answer = self.step("lease_keep", held=sorted(tickets))
        kept = 0
        for job in self.model.jobs.values():
            for lease in job.leases.values():
                if (job.id, lease.ticket) in tickets:
                    kept += 1
                    self.model.renew(lease.token, self.now)
        assert answer.data["kept"] == kept
        self.verify()

    def child_dies(self, choice: int, how: str, really: bool, fate: str) -> None:
        """Its parent says so; a command of the child may still be on its way (not `really`)."""
        holder = self.awake[choice % len(self.awake)]
        if really:
            holder.dead = True
        self.report_death(holder.job, holder.ticket, how, fate)
        self.verify()

    def report_death(self, job_id: str, ticket: int, how: str, fate: str) -> None:
        answer = self.step("lease_died", fate, job=job_id, ticket=ticket, how=how)
        job = self.model.jobs.get(job_id)
        closed = self.model.died(job, ticket, how, self.now) if job else None
        assert answer.state == "ok"
        assert bool(answer.data.get("blamed")) is (closed is not None), f"18: {answer}, the model closed {closed}"
        if closed is not None and closed.kind == "run" and job is not None and not job.has_ended:
            back = [i for i in closed.items if not job.items[i].is_settled and job.items[i].token is None]
            suspects = self.read().jobs[job_id].suspects
            mine = [i for i in back if job.items[i].may & {"open"} and job.items[i].may != {"retry"}]
            assert all(i in suspects for i in mine), f"18: {mine} are suspects, the ledger has {suspects}"

    def holder_goes_silent(self, choice: int, for_good: bool) -> None:
        """Its machine or main died, or it is frozen."""
        holder = self.awake[choice % len(self.awake)]
        holder.dead, holder.frozen = for_good, not for_good

    def thaw(self, choice: int) -> None:
        frozen = [holder for holder in self.holders if holder.frozen]
        frozen[choice % len(frozen)].frozen = False

    # ---- time and the passes

    @rule(ms=st.sampled_from([1, 100, 250, 1000, 2000, 2000, 5000, 20_000, 120_000]))
    def time_goes(self, ms: int) -> None:
        self.now += ms

    def clock_jumps_back(self, ms: int) -> None:
        self.now -= ms
        self.went_back = True

    @rule(n=st.sampled_from([1, 3, 8]), beats=st.sampled_from([False, True, True]))
    def reaper_runs(self, n: int, beats: bool) -> None:
        """Passes two seconds apart, with the beats of those who are awake, or without."""
        for _ in range(n):
            self.now += 2000
            if beats:
                for holder in self.awake:
                    self.beat(holder)
            self.reap()
            self.verify()

    def reap(self) -> None:
        answer = self.step("lease_reap", gap_ms=GAP_MS, limit=100)
        expected = self.model.reap(self.now, self.server)
        assert answer.data["reaped"] == expected, f"16: reaped {answer.data}, not {expected}"

    def server_is_away(self, away_ms: int) -> None:
        """It comes back with another run id, and the reaper's first pass beats every heartbeat."""
        self.now += away_ms
        self.server = self.new("server")
        live = {token for job in self.model.jobs.values() for token in job.leases}
        self.reap()
        assert {token for job in self.verify().jobs.values() for token in job.leases} == live, "16: reaped at once"

    def wake(self, fate: str) -> None:
        self.pass_of_time(fate)

    def pass_of_time(self, fate: str = "told") -> None:
        self.step("job_wake", fate, limit=100, rest_ms=5000)
        due = self.read()
        for job in self.model.jobs.values():
            if "delayed" in job.status and job.run_at is not None and job.run_at <= self.now:
                job.status, job.run_at = {"waiting"}, None
            elif "active" in job.status and due.jobs[job.id].status == "delayed":
                states = [item.may for item in job.items.values() if not item.is_settled]
                assert not job.leases, "13: delayed with a lease"
                assert all(may <= {"retry"} for may in states), "13: delayed with something to do"
        self.verify(woken=True)

    def resend(self, age_ms: int, false: bool, fate: str) -> None:
        """Tickets nobody sent, those the broker lost, and sometimes one that it has."""
        self.resend_tickets(age_ms, fate, false=false)
        self.verify()

    def resend_tickets(self, age_ms: int, fate: str, *, false: bool = False) -> None:
        has = {(ticket.job_id, ticket.number) for ticket in self.broker}
        real = self.read()
        sent = {job_id for members in real.under("sent:").values() for job_id in members}
        numbers = [(job_id, real.jobs[job_id].number("line")) for job_id in sorted(sent)]
        missing = [[*pair] for pair in numbers if false or pair not in has]
        self.step("ticket_resend", fate, age_ms=age_ms, limit=100, missing=missing, missing_ms=1000)

    def tell_what_was_sent(self) -> None:
        self.step("ticket_sent", sent=self.tell())
        self.verify()

    def flush_progress(self) -> None:
        self.step("progress_flush", limit=100)
        self.verify()

    # ---- what must change nothing

    def repeat_the_last(self) -> None:
        """The reply was lost, so the caller makes the same step again."""
        self.make_again(self.made[-1], same_answer=True)

    def repeat_an_old_one(self, choice: int) -> None:
        """A command that was on its way for long arrives."""
        made = self.made[choice % len(self.made)]
        if made.name == "job_create" and made.arguments["id"] in self.model.removed:
            return  # ids are never given twice
        seq = made.arguments.get("seq")
        newest = seq is not None and self.model.applied.get(made.arguments["token"]) == seq
        self.make_again(made, same_answer=newest)

    def make_again(self, made: Made, *, same_answer: bool) -> None:
        before = self.read()
        # What was sent is said once more only to a ledger that knows it already.
        answer = self.ledger.step(made.name, now=self.now, server=self.server, **made.arguments)
        after = self.read()
        changed = {key for key in {*before.raw, *after.raw} if before.raw.get(key) != after.raw.get(key)}
        assert not changed, f"4: {made.name} again changed {changed}"
        if made.name == "lease_claim" and made.answer.state != "lease":
            # Its ticket is used by now, and its job may have been removed.
            assert answer.state in {made.answer.state, "stale", "gone"}, f"10: {answer}"
        elif same_answer and made.name not in ANSWERS_DIFFER:
            assert (answer.state, answer.data) == (made.answer.state, made.answer.data), f"4: {made.name}: {answer}"

    def strangers(self) -> None:
        """20: steps with ids and tokens nobody knows leave no key."""
        before = self.read().raw
        common = {"now": self.now, "server": self.server}
        gone = [
            self.ledger.step("lease_claim", job="none", ticket=1, token="none", holder="", hard_ms=HARD_MS,
                             finishes=True, first=1, chunk_ms=2000, chunk_max=10, **common),
            self.ledger.step("lease_commit", token="none", seq=1, done=[[0, 1]], cost_nano=5, jitter=0.1, **common),
            self.ledger.step("lease_renew", token="none", **common),
            self.ledger.step("lease_plan", token="none", total=4, **common),
            self.ledger.step("lease_finish", token="none", result="{}", **common),
            self.ledger.step("lease_fail", token="none", code="a", message="b", **common),
            self.ledger.step("lease_release", token="none", **common),
            self.ledger.step("job_cancel", id="none", **common),
        ]  # fmt: skip
        assert [answer.state for answer in gone] == ["gone"] * len(gone)
        self.ledger.step("lease_died", job="none", ticket=1, how="child", **common)
        self.ledger.step("ticket_sent", sent=[["none", 1]], **common)
        self.ledger.step("ticket_resend", age_ms=1 << 40, limit=10, missing=[["none", 1]], missing_ms=1, **common)
        assert self.read().raw == before, "20: a stranger left something"

    # ---- the ledger put back in time

    def remember(self) -> None:
        """What would be on disk if the server died now."""
        client, prefix = self.ledger.client, self.ledger.keys.prefix
        keys = client.keys(prefix + "*")
        dumped = [(key, client.dump(key), max(client.pttl(key), 0)) for key in keys]
        self.snapshot = (dumped, copy.deepcopy(self.model), len(self.made), copy.deepcopy(self.history.issued))

    def log_is_cut(self) -> None:
        """The server comes back without what it was told last; broker and workers keep what they have."""
        assert self.snapshot is not None
        dumped, model, n, _ = self.snapshot
        client = self.ledger.client
        if keys := client.keys(self.ledger.keys.prefix + "*"):
            client.delete(*keys)
        for key, value, ttl in dumped:
            client.restore(key, ttl, value)
        fences = self.model.fences
        self.model, self.made, self.snapshot = copy.deepcopy(model), self.made[:n], None
        self.model.fences = fences  # 7: also what was given in the lost part must not come again
        for job in self.model.jobs.values():
            for item in job.items.values():
                item.given_back += 1
        self.cuts += 1
        self.now += 1000
        self.server = self.new("server")
        self.history.issued = {}
        self.verify(cut=True)

    # ---- rules that are several, so that each run does mostly work

    @precondition(lambda self: self.holders)
    @rule(choice=CHOICE, what=st.sampled_from(["child", "child", "limit", "silent", "dead", "thaw"]), fate=FATE)
    def trouble_with_workers(self, choice: int, what: str, fate: str) -> None:
        if what == "thaw" and any(holder.frozen for holder in self.holders):
            self.thaw(choice)
        elif what in {"silent", "dead"} and self.awake:
            self.holder_goes_silent(choice, what == "dead")
        elif what in {"child", "limit"} and self.awake:
            self.child_dies(choice, what, choice % 3 > 0, fate)

    @rule(
        choice=CHOICE, what=st.sampled_from(["wake", "resend", "resend", "tell", "flush", "renew", "keep"]), fate=FATE
    )
    def a_pass(self, choice: int, what: str, fate: str) -> None:
        if what == "wake":
            self.pass_of_time(fate)
        elif what == "resend":
            self.resend((0, 2000)[choice % 2], choice % 3 == 0, fate)
        elif what == "tell":
            self.tell_what_was_sent()
        elif what == "flush":
            self.flush_progress()
        elif what == "keep":
            self.keep(choice)
        elif self.awake:
            self.renew(choice)

    @precondition(lambda self: self.made)
    @rule(choice=CHOICE, last=st.booleans())
    def a_step_again(self, choice: int, last: bool) -> None:
        if last:
            self.repeat_the_last()
        else:
            self.repeat_an_old_one(choice)

    @precondition(lambda self: self.model.jobs)
    @rule(
        choice=CHOICE,
        what=st.sampled_from(["cancel", "remove", "loses", "any", "away", "back", "strangers"]),
        fate=FATE,
    )
    def trouble_elsewhere(self, choice: int, what: str, fate: str) -> None:
        if what == "cancel":
            self.cancel(choice, fate)
        elif what == "remove":
            self.remove(choice)
        elif what == "loses" and self.broker:
            self.broker_loses(choice)
        elif what == "any" and self.issued:
            self.deliver_any(choice, fate)
        elif what == "away":
            self.server_is_away((0, LEASE_MS + 1, 10 * LEASE_MS)[choice % 3])
        elif what == "back":
            self.clock_jumps_back((1, 500, 4000, 30_000)[choice % 4])
        elif what == "strangers":
            self.strangers()

    @precondition(lambda self: self.model.jobs)
    @rule(cut=st.booleans())
    def power_fails(self, cut: bool) -> None:
        """The disk has what it has; later everything since then is forgotten."""
        if cut and self.snapshot is not None:
            self.log_is_cut()
        else:
            self.remember()

    @precondition(lambda self: self.awake)
    @rule(choice=CHOICE, frozen=st.booleans())
    def holder_does_all(self, choice: int, frozen: bool) -> None:
        """The usual case again; or a zombie wakes up and does it."""
        holders = [holder for holder in self.holders if holder.frozen] if frozen else []
        holders = holders or self.awake
        self.do_all(holders[choice % len(holders)])

    # ---- the end: without further faults all jobs end

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        try:
            if sys.exc_info()[0] is None:  # else a step has failed, and that is what is to be seen
                self.all_jobs_end()
        finally:
            client = self.ledger.client
            if keys := client.keys(self.ledger.keys.prefix + "*"):
                client.unlink(*keys)

    def all_jobs_end(self) -> None:
        frozen = [holder for holder in self.holders if holder.frozen]
        for _ in range(300):
            for holder in self.awake:
                self.do_all(holder)
            while self.broker:
                if holder := self.claim(self.broker.pop(0)):
                    self.do_all(holder)
            if all(job.has_ended for job in self.model.jobs.values()):
                break
            self.now += 2000
            self.reap()
            self.pass_of_time()
            self.resend_tickets(0, "sent")
            self.step("ticket_sent", sent=self.tell())
        else:
            stuck = {job.id: self.read().jobs[job.id].fields for job in self.model.jobs.values() if not job.has_ended}
            raise AssertionError(f"liveness: jobs that do not end: {stuck}")
        real = self.verify()
        for name in ("outbox", "retry-due", "job-due", "idle", "lease-ends"):
            assert not real.zset(name), f"11: left in {name}"
        for prefix in ("sent:", "line:", "backlog:", "type-leases:", "leases:", "retry:"):
            assert not any(real.under(prefix).values()), f"11: left under {prefix}"
        for holder in frozen:  # zombies that wake up after the end
            holder.frozen = False
            self.do_all(holder)
        for ticket in self.issued[-10:]:
            assert self.claim(ticket) is None
        self.step("progress_flush", limit=100)
        self.verify()
        for job in self.model.jobs.values():
            for i, item in job.items.items():
                assert item.calls <= 1 + item.given_back, f"item {i} of {job.id} was called {item.calls} times"
                assert item.is_settled or job.stops, f"item {i} of {job.id} is {item.may} at the end"

    def do_all(self, holder: Holder) -> None:
        if holder.kind == "run":
            self.hand_in(holder, dict.fromkeys(holder.hand, "done"), close=True, cost=3)
            self.verify()
        elif holder.kind == "plan":
            answer = self.step("lease_plan", token=holder.token, total=4)
            self.after_phase(holder, answer, self.model.plan(holder.token, 4))
        else:
            answer = self.step("lease_finish", token=holder.token, result="{}")
            self.after_phase(holder, answer, self.model.finish(holder.token, "{}"))
