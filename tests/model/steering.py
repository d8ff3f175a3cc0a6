"""People steer: they hold and release jobs and types, hurry them, give them another priority, and run them again."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from vocaqueue.store.ledger import Answer

from .callers import Callers
from .deaths import Deaths
from .holders import Holders
from .model import Job
from .tickets import Tickets
from .world import CHOICE, FATE

GATES = ("", "beta", "beta", "alpha")  #: '' is everything


class Steering(Callers, Deaths, Holders, Tickets):
    """Each act has a token of its own, so that it can be made again after a lost reply."""

    @precondition(lambda self: self.model.jobs)
    @rule(choice=CHOICE, what=st.sampled_from(["hold", "hold", "release", "priority", "promote", "gone"]), fate=FATE)
    def steer(self, choice: int, what: str, fate: str) -> None:
        if what == "gone" and self.model.removed:
            self.steer_the_removed(choice)
        elif what == "priority":
            self.set_priority(choice, (4, 1, 2)[choice % 3], fate)
        elif what == "promote":
            self.promote(choice, fate)
        else:
            self.hold(choice, what == "hold", fate)

    def act(self, step: str, job: Job, fate: str, **arguments: object) -> Answer:
        return self.step(step, fate, id=job.id, token=self.new("act"), **arguments)

    def hold(self, choice: int, held: bool, fate: str) -> None:
        jobs = [job for job in self.model.jobs.values() if job.held is not held] or list(self.model.jobs.values())
        job = jobs[choice % len(jobs)]
        self.hold_job(job, held, fate)

    def hold_job(self, job: Job, held: bool, fate: str = "told") -> None:
        answer = self.act("job_hold", job, fate, held=held)
        assert answer.state == ("ok" if self.model.hold(job, held) else "refused"), f"{answer} of {job}"
        self.verify()

    def set_priority(self, choice: int, priority: int, fate: str) -> None:
        job = self.some_job(choice)
        before = self.read().jobs[job.id].number("line")
        differs = job.priority != priority
        answer = self.act("job_priority", job, fate, priority=priority)
        assert answer.state == ("ok" if self.model.set_priority(job, priority) else "refused")
        if differs and answer.state == "ok":  # 15 and 9: tickets in the old line count no more
            job.last = before
        self.verify()

    def promote(self, choice: int, fate: str) -> None:
        jobs = [job for job in self.model.jobs.values() if "delayed" in job.status] or list(self.model.jobs.values())
        job = jobs[choice % len(jobs)]
        answer = self.act("job_promote", job, fate)
        assert answer.state == ("ok" if self.model.promote(job) else "refused")
        self.verify()

    @precondition(lambda self: any(job.has_ended for job in self.model.jobs.values()))
    @rule(choice=CHOICE, only=st.sampled_from(["all", "all", "one", "one", "unknown", "picked", "picked"]), fate=FATE)
    def retry(self, choice: int, only: str, fate: str) -> None:
        """All that failed, or what failed with one of its codes or one that it does not know, or some items by name."""
        ended = [job for job in self.model.jobs.values() if job.has_ended]
        # Those that have something to do again are the ones worth asking for.
        worth = [job for job in ended if self.model.to_do_again(job, None)]
        jobs = (choice % 8 and worth) or list(self.model.jobs.values())
        job = jobs[choice % len(jobs)]
        known = sorted({code for item in job.items.values() if item.may == {"failed"} for code in item.codes})
        one = [known[choice % len(known)]] if known else []
        codes = {"one": one, "unknown": ["unheard_of"], "picked": one if choice % 3 == 0 else None}.get(only)
        picked = None
        if only == "picked" and job.total:
            failed = sorted(i for i, item in job.items.items() if item.may == {"failed"})
            # Now and then one that has not failed is among them.
            picked = {i for i in failed if (choice >> i % 8) % 2} | ({choice % job.total} if choice % 5 == 0 else set())
        self.retry_job(job, codes, fate, picked)

    def retry_job(
        self, job: Job, codes: list[str] | None = None, fate: str = "told", picked: set[int] | None = None
    ) -> None:
        arguments: dict[str, object] = {"codes": codes}
        if picked is not None:
            bits = sum(1 << (job.total or 1) // 8 * 8 + 7 - i for i in picked)
            arguments |= {"picked": True, "blob": bits.to_bytes((job.total or 1) // 8 + 1, "big")}
        answer = self.act("job_retry", job, fate, **arguments)
        wrong = bool(picked) and any(job.items[i].may != {"failed"} for i in picked or ())
        again = self.model.retry(job, codes, self.now, picked)
        if again is None:
            assert answer.state == ("not_failed" if wrong and job.has_ended else "refused"), f"{answer} of {job}"
        else:
            assert answer.state == "retrying", f"{answer} of {job}"
            assert answer.data.get("items") == (None if job.total is None else again), f"17: {again} items again"
        self.verify()

    @precondition(lambda self: self.awake)
    @rule(choice=CHOICE, fatal=st.booleans(), fate=FATE)
    def hold_while_at_work(self, choice: int, fatal: bool, fate: str) -> None:
        """What is in hand ends after the hold was answered, well or with an error that ends the job."""
        holder = self.awake[choice % len(self.awake)]
        if job := self.model.jobs.get(holder.job):
            self.hold_job(job, True, fate)
        if fatal and holder.kind == "run":
            self.hand_in(holder, dict.fromkeys(holder.hand, "open"), close=True, fatal=True)
            self.verify()
        else:
            self.do_all(holder)

    @precondition(lambda self: any(job.leases for job in self.model.jobs.values()))
    @rule(choice=CHOICE, fate=FATE)
    def start_over_behind_their_backs(self, choice: int, fate: str) -> None:
        """Holders are given up, their job is cancelled and run again; they come back in its next run."""
        jobs = [job for job in self.model.jobs.values() if job.leases]
        job = jobs[choice % len(jobs)]
        for holder in self.awake:
            if holder.job == job.id and holder.token in job.leases:
                if holder.kind == "run" and choice % 2:
                    self.hand_in(holder, dict.fromkeys(holder.hand, "failed"), close=False)
                    self.verify()
                holder.frozen = True
                if holder.token in job.leases:
                    self.report_death(holder, "child")
                    self.verify()
        if not job.has_ended:
            self.cancel_job(job)
        for ticket in [ticket for ticket in self.broker if ticket.job_id == job.id]:
            self.broker.remove(ticket)
            if holder := self.claim(ticket):
                self.do_all(holder)
            self.verify()
        if job.has_ended:
            self.retry_job(job, ["bad_row"] if choice % 2 else None, fate)

    @precondition(lambda self: self.model.jobs)
    @rule(name=st.sampled_from(GATES), what=st.sampled_from(["shut", "open", "open", "both", "both"]), fate=FATE)
    def gate(self, name: str, what: str, fate: str) -> None:
        """Everything or a type is held, or let go on, or held while the tickets arrive that are on their way."""
        if what != "open":
            self.set_gate(name, True, fate)
        if what == "both":
            self.deliver_in_order(4)
        if what != "shut":
            self.set_gate(name, False, fate)

    def set_gate(self, name: str, shut: bool, fate: str = "told") -> None:
        answer = self.step("gate_set", fate, gate=f"type:{name}" if name else "all", shut=shut, token=self.new("act"))
        assert answer.state == "ok"
        assert answer.data["changed"] is self.model.set_gate(name, shut)
        self.verify()

    def steer_the_removed(self, choice: int) -> None:
        """20: late acts on a job that was taken away leave nothing."""
        removed = sorted(self.model.removed)
        job_id = removed[choice % len(removed)]
        before = self.read().raw
        for name, arguments in (
            ("job_hold", {"held": True}),
            ("job_hold", {"held": False}),
            ("job_priority", {"priority": 1}),
            ("job_promote", {}),
            ("job_retry", {}),
            ("job_cancel", {}),
            ("job_remove", {}),
        ):
            answer = self.step(name, id=job_id, token=self.new("act"), **arguments)
            assert answer.state == "gone"
        ticket = next(iter(self.history.issued.get(job_id, ())), 1)
        assert not self.step("lease_died", job=job_id, ticket=ticket, how="child").data["blamed"]
        assert self.step("lease_keep", held=[[job_id, ticket]]).data["kept"] == 0
        assert self.read().raw == before, "20: a late step left something of a job that was removed"

    def let_everything_go_on(self) -> None:
        for name in sorted(self.model.gates):
            self.set_gate(name, False)
        for job in self.model.jobs.values():
            if job.held:
                self.hold_job(job, False)
