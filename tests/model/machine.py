"""
The steps of the model test: callers, a broker that loses and doubles, workers that die and come back, and a clock.

Each rule makes one real step, the same step on the model, and then checks everything. The callers are as faulty as can
be: a reply is lost after a step was made, tickets are not sent or not said to be sent, old commands arrive again.
"""

from __future__ import annotations

import sys

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .disk import Disk
from .limiting import Limiting
from .removal import Removal
from .repeats import Repeats
from .steering import Steering
from .world import CHOICE, FATE, LEASE_MS


class LedgerMachine(Steering, Limiting, Removal, Repeats, Disk):
    """All rules, and the end: without further faults all jobs end."""

    @precondition(lambda self: self.model.jobs)
    @rule(
        choice=CHOICE,
        what=st.sampled_from(
            ["cancel", "remove", "remove", "loses", "any", "away", "back", "limits", "limits", "strangers"]
        ),
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
        elif what == "limits":
            self.wake_limited(fate)
        elif what == "strangers":
            self.strangers()

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
        self.let_everything_go_on()
        for kind in sorted({*self.model.rates, *self.model.caps}):
            self.limit_type(kind, None, None, "told")
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
            self.wake_limited()
            self.resend_tickets(0, "sent")
            self.step("ticket_sent", sent=self.tell())
        else:
            stuck = {job.id: self.read().jobs[job.id].fields for job in self.model.jobs.values() if not job.has_ended}
            raise AssertionError(f"liveness: jobs that do not end: {stuck}")
        real = self.verify()
        for name in ("outbox", "retry-due", "job-due", "idle", "lease-ends"):
            assert not real.zset(name), f"11: left in {name}"
        for prefix in ("sent:", "line:", "backlog:", "parked:", "type-leases:", "leases:", "retry:"):
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
        self.all_are_removed()

    def all_are_removed(self) -> None:
        """20: nothing is left of them, and late steps leave nothing either."""
        for job in list(self.model.jobs.values()):
            assert self.step("job_remove", id=job.id).state == "removed"
            self.model.remove(job)
        self.verify()
        before = self.read().raw
        for holder in self.holders:
            self.beat(holder)
            self.report_death(holder, "child")
        for ticket in self.issued[-3:]:
            assert self.claim(ticket) is None
        assert self.read().raw == before, "20: a late step left something"
