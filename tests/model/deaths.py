"""Children die or fall silent, and their main process speaks for them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .world import CHOICE, FATE, Holder, World


class Deaths(World):
    """Trouble with those who hold a lease."""

    @precondition(lambda self: self.holders)
    @rule(choice=CHOICE, what=st.sampled_from(["child", "child", "limit", "silent", "dead", "thaw"]), fate=FATE)
    def trouble_with_workers(self, choice: int, what: str, fate: str) -> None:
        if what == "thaw" and any(holder.frozen for holder in self.holders):
            self.thaw(choice)
        elif what in {"silent", "dead"} and self.awake:
            self.holder_goes_silent(choice, what == "dead")
        elif what in {"child", "limit"} and self.awake:
            self.child_dies(choice, what, choice % 3 > 0, fate)

    def keep(self, choice: int) -> None:
        """A main process speaks for its children, those of which the ledger knows better among them."""
        held = [holder for at, holder in enumerate(self.holders) if not holder.dead and choice >> at & 1]
        tickets = {(holder.job, holder.ticket, holder.name) for holder in held}
        answer = self.step("lease_keep", held=sorted(tickets))
        kept = 0
        for job in self.model.jobs.values():
            for lease in job.leases.values():
                if (job.id, lease.ticket, lease.holder) in tickets:
                    kept += 1
                    self.model.renew(lease.token, self.now)
        assert answer.data["kept"] == kept, f"16: kept {answer.data}, not {kept}"
        self.verify()

    def child_dies(self, choice: int, how: str, really: bool, fate: str) -> None:
        """Its parent says so; a command of the child may still be on its way (not `really`)."""
        holder = self.awake[choice % len(self.awake)]
        if really:
            holder.dead = True
        self.report_death(holder, how, fate)
        self.verify()

    def report_death(self, holder: Holder, how: str, fate: str = "told") -> None:
        """By its parent, who means this child and no other that may have got the same number."""
        job_id = holder.job
        answer = self.step("lease_died", fate, job=job_id, ticket=holder.ticket, holder=holder.name, how=how)
        job = self.model.jobs.get(job_id)
        closed = self.model.died(job, holder.ticket, holder.name, how, self.now) if job else None
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
