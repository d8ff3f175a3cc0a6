"""The ledger is put back in time: the server died, and what it was told last was not on disk yet."""

from __future__ import annotations

import copy

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .deaths import Deaths
from .tickets import Tickets
from .world import CHOICE


class Disk(Deaths, Tickets):
    """The disk has what it has."""

    @precondition(lambda self: self.model.jobs)
    @rule(cut=st.booleans())
    def power_fails(self, cut: bool) -> None:
        """The disk has what it has; later everything since then is forgotten."""
        if cut and self.snapshot is not None:
            self.log_is_cut()
        else:
            self.remember()

    @precondition(lambda self: self.broker)
    @rule(choice=CHOICE, how=st.sampled_from(["child", "limit", "keep"]))
    def a_claim_is_forgotten(self, choice: int, how: str) -> None:
        """Its ticket makes a lease for another child, and the first one's main process still speaks of its own."""
        ticket = self.broker[choice % len(self.broker)]
        self.remember()
        first = self.claim(ticket)
        self.verify()
        if first is None:
            return
        self.log_is_cut()
        self.claim(ticket)
        self.verify()
        if how == "keep":
            self.keep(1 << self.holders.index(first))
        else:
            first.dead = True
            self.report_death(first, how)
        self.verify()

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
