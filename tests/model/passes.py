"""Time, and the passes that the reconciler makes over everything."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .deaths import Deaths
from .holders import Holders
from .tickets import Tickets
from .world import CHOICE, FATE, GAP_MS


class Passes(Deaths, Holders, Tickets):
    """What time alone brings."""

    @rule(ms=st.sampled_from([1, 100, 250, 1000, 2000, 2000, 5000, 20_000, 120_000]))
    def time_goes(self, ms: int) -> None:
        self.now += ms

    @rule(ms=st.sampled_from([300, 2500, 5000]))
    def work_comes_back(self, ms: int) -> None:
        """A while passes, retries are due, and every worker that is free takes a ticket."""
        self.now += ms
        self.pass_of_time()
        self.step("limits_wake", limit=100)
        for ticket in self.broker[:8]:
            self.broker.remove(ticket)
            self.claim(ticket)
            self.verify()

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

    def pass_of_time(self, fate: str = "told") -> None:
        self.step("job_wake", fate, limit=100, rest_ms=5000)
        self.model.wake(self.now)
        real = self.read()
        for job in self.model.jobs.values():
            if job.status == {"active"} and real.jobs[job.id].status == "delayed":
                states = [item.may for item in job.items.values() if not item.is_settled]
                assert not job.leases, "13: delayed with a lease"
                assert all(may <= {"retry"} for may in states), "13: delayed with something to do"
                assert not job.held, "13: held, and delayed after it"
                job.status, job.run_at = {"delayed"}, real.jobs[job.id].number("run_at")
        self.verify(woken=True)

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
