"""Tickets: a broker that loses, doubles and reorders them, and the claims that are made with them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from vocaqueue.store.ledger import Answer, Ticket

from .model import Job
from .real import RealJob
from .world import CHOICE, FATE, FINISHES, HARD_MS, Holder, World


class Tickets(World):
    """The broker's side."""

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

    def deliver_any(self, choice: int, fate: str) -> None:
        """A ticket that was ever issued turns up again."""
        self.claim(self.issued[choice % len(self.issued)], fate)
        self.verify()

    def broker_loses(self, choice: int) -> None:
        self.broker.pop(choice % len(self.broker))

    def claim(self, ticket: Ticket, fate: str = "told") -> Holder | None:
        job = self.model.jobs.get(ticket.job_id)
        before = self.read()
        token, name = self.new("token"), self.new("child")
        answer = self.step(
            "lease_claim", fate, job=ticket.job_id, ticket=ticket.number, token=token, holder=name, hard_ms=HARD_MS,
            finishes=FINISHES[ticket.type], first=self.first, at_once=self.first, chunk_ms=2000,
            chunk_max=self.chunk_max,
        )  # fmt: skip
        if job is None:  # created in a second that was forgotten
            assert answer.state in {"gone", "stale"}
            assert self.read().raw == before.raw, "20: a ticket of a job that is gone left something"
            return None
        real_job = before.jobs[job.id]
        if ticket.number <= job.last:
            assert answer.state == "stale", f"10: ticket {ticket.number} was used, and the answer is {answer.state}"
        if answer.state != "lease":
            assert answer.state in {"stale", "nothing"}
            if answer.state == "nothing" and self.model.miss_deadline(job, self.now):
                job.last = max(job.last, ticket.number)
                self.verify()
            elif answer.state == "stale":
                assert job.has_ended or ticket.number <= real_job.number("last"), f"8: {ticket} was never used"
            else:
                self.check_nothing(job, real_job)
                job.last = ticket.number
            return None
        self.check_claim(job, real_job, answer)
        kind, fence = answer.data["kind"], int(answer.data["fence"])
        items = [i for a, b in answer.data.get("ranges", []) for i in range(a, b)]
        assert fence > max(self.model.fences, default=0) or (self.cuts and self.went_back), "7: a fence came again"
        self.model.claim(job, token, kind, items, ticket.number, name, fence, self.now, HARD_MS)
        holder = Holder(token, job.id, ticket.number, kind, items, name)
        self.check_limits(job.type, kind, answer, holder)
        self.holders.append(holder)
        return holder

    def check_nothing(self, job: Job, before: RealJob) -> None:
        """A ticket that counts found nothing to do."""
        if job.held or job.stops or self.model.is_shut(job) or "delayed" in job.status or job.phase != "run":
            return
        if job.type in self.model.caps or self.ledger.client.exists(self.ledger.keys("cell", f"type:{job.type}")):
            return  # its limits let no more run; what wakes it then is an invariant
        due = [i for i, at in before.retry.items() if at <= self.now]
        assert not before.unclaimed(), f"8: a good ticket found nothing to do: {before.fields}"
        assert not due, f"8: a good ticket passed over what was due: {due}"

    def check_limits(self, kind: str, phase: str, answer: Answer, holder: Holder) -> None:
        """14, 15: no more leases than the cap, in no window more permits than rate and burst, one for each item."""
        if phase != "run":
            return
        if kind in self.model.caps:
            leases = self.ledger.client.zcard(self.ledger.keys("type_leases", kind))
            assert leases <= self.model.caps[kind], f"14: {leases} leases of {kind} with this cap"
        permits = [float(at) for at in answer.data.get("permits") or ()]
        if kind not in self.model.rates:
            return
        assert len(permits) == answer.data["count"], "15: an item without a permit"
        assert all(self.now <= at <= self.now + 1000 for at in permits), f"15: {permits} at {self.now}"
        holder.permits = permits
        rate, starts = self.model.rates[kind], self.model.starts.setdefault(kind, [])
        starts += permits
        if self.went_back or self.cuts:  # what was granted in a time that did not happen is granted again
            return
        for at in starts:
            window = [other for other in starts if at <= other < at + rate.duration_s * 1000]
            assert len(window) <= rate.max + rate.burst, f"15: {len(window)} starts of {kind} from {at}: {window}"

    def check_claim(self, job: Job, before: RealJob, answer: Answer) -> None:
        """What a lease may hold."""
        kind = answer.data["kind"]
        assert not job.has_ended, "11: a claim of a job that has ended"
        assert kind == job.phase, f"a claim of kind {kind} in phase {job.phase}"
        assert not job.stops or kind == "finish", "19: a claim after the cancel"
        assert not job.held, "19: a claim of a job that is held"
        ending = kind == "finish" and job.stops  # all that is left of it is its report
        assert ending or not self.model.is_shut(job), "19: a claim through a gate that is shut"
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
