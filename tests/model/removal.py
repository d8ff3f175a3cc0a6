"""Jobs that go otherwise than by their work: into the bin and back, by a purge, at their deadline."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .passes import Passes
from .world import CHOICE, FATE, FINISHES


class Removal(Passes):
    """The bin is what `jobs_read` answered."""

    @precondition(lambda self: self.model.jobs)
    @rule(
        choice=CHOICE,
        what=st.sampled_from(["bin", "bin", "purge", "deadlines", "deadlines"]),
        kind=st.sampled_from(sorted(FINISHES)),
        fate=FATE,
    )
    def takes_away(self, choice: int, what: str, kind: str, fate: str) -> None:
        if what == "bin":
            self.into_the_bin_and_back(choice, fate)
        elif what == "purge":
            self.purge(kind, fate)
        else:
            self.stop_overdue(fate)

    def into_the_bin_and_back(self, choice: int, fate: str) -> None:
        """20: nothing of it is left meanwhile; then it is what it was, and goes on."""
        job = self.some_job(choice)
        what = "ended" if job.has_ended else ("unbegun", "unbegun or delayed")[choice % 2]
        (entry,) = self.ledger.ask("jobs_read", ids=[job.id], what=what, bytes=1 << 20, items=1 << 20)
        waits = not job.begun and (job.status != {"delayed"} or what == "unbegun or delayed")
        may_go = job.has_ended or waits
        assert may_go == (len(entry) == 4), f"20: {entry[2]} of {job}"
        if not may_go:
            return
        before = self.verify().jobs[job.id]
        answer = self.step(
            "jobs_remove", fate, jobs=[[job.id, entry[1].decode()]], what=what, action="empty", token=self.new("act")
        )
        assert answer.data["removed"] == 1
        self.model.remove(job)
        self.verify()
        if choice % 3 == 0:
            self.now += 2000
        state = self.step("job_restore", fate, id=job.id, token=self.new("act"), blob=entry[3]).state
        assert state == "restored"
        self.model.restore(job, before.number("line"), self.now)
        after = self.verify().jobs[job.id]
        for name in ("status", "total", "turn", "run", "completed", "failed", "skipped", "cursor", "held", "run_at"):
            assert after.fields.get(name) == before.fields.get(name), f"20: {name} did not come back"
        assert (after.settled, after.failed, after.skipped) == (before.settled, before.failed, before.skipped)

    def purge(self, kind: str, fate: str) -> None:
        """What waits in a queue is cancelled; the tickets of the others are given out again."""
        self.broker = [ticket for ticket in self.broker if ticket.type != kind]
        newest = max((job.number("created_at") for job in self.read().jobs.values()), default=0)
        told = {"type": kind, "before_ms": max(self.now, newest), "limit": 500, "message": "It was purged."}
        answer = self.step("line_purge", fate, first=0, **told)
        assert answer.state == "done"
        assert answer.data["cancelled"] == self.model.purge(kind)
        self.verify()

    def stop_overdue(self, fate: str = "told") -> None:
        answer = self.step("job_overdue", fate, limit=100)
        missed = [self.model.miss_deadline(job, self.now) for job in list(self.model.jobs.values())]
        assert answer.data["stopped"] == sum(missed), f"deadlines: {json.dumps(answer.data)}"
        self.verify()
