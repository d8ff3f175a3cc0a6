"""Who is to blame for a death: nobody in company, an item alone after three, and no item for a lease that ran out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.real import Real, RealJob
from vocaqueue.store.ledger import Answer, Ledger

START = 1_800_000_000_000


class Desk:
    """A job of one type with one worker, and a clock."""

    def __init__(self, ledger: Ledger, *, total: int, attempts: int = 4) -> None:
        self.ledger, self.now, self.claims = ledger, START, 0
        self.step(
            "job_create", id="a", type="toy", priority=3, params="{}", total=total, attempts=attempts, backoff_ms=100
        )

    def step(self, name: str, **arguments: Any) -> Answer:
        return self.ledger.step(name, now=self.now, server="one", **arguments)

    def job(self) -> RealJob:
        return Real.read(self.ledger.client, self.ledger.keys.prefix).jobs["a"]

    def claim(self, first: int = 4) -> Answer:
        """With the ticket that counts."""
        self.step("job_wake", limit=10, rest_ms=5000)
        self.claims += 1
        return self.step(
            "lease_claim", job="a", ticket=self.job().number("line"), token=f"t{self.claims}", holder="h",
            hard_ms=60_000, finishes=False, first=first, chunk_ms=2000, chunk_max=50,
        )  # fmt: skip

    def died(self, how: str) -> None:
        self.step("lease_died", job="a", ticket=self.job().number("last"), how=how)

    def runs_out(self) -> None:
        """Nobody speaks for the lease until it ends, while the reaper makes its passes."""
        while self.job().leases:
            self.now += 2000
            self.step("lease_reap", gap_ms=3000, limit=10)


def test_the_third_death_alone_is_poison(ledger: Ledger) -> None:
    """
    A death in company counts for nobody; then each is claimed alone, and only the third death there fails that item.
    """
    desk = Desk(ledger, total=8)
    assert desk.claim().data["count"] == 4
    desk.died("child")
    assert desk.job().suspects == {0: 0, 1: 0, 2: 0, 3: 0}
    for deaths in (1, 2, 3):
        while True:
            claim = desk.claim()
            if claim.data["ranges"] == [[2, 3]]:
                break
            # The others end well as soon as they are tried.
            items = claim.data["ranges"]
            if any(a < 4 for a, _ in items):
                assert claim.data["count"] == 1
            desk.step("lease_commit", token=f"t{desk.claims}", seq=1, done=items, jitter=0, close=True)
        assert not desk.job().failed
        desk.died("child")
        assert desk.job().suspects.get(2) == (deaths if deaths < 3 else None)
    job = desk.job()
    assert job.failed == {2}
    assert job.errors[0][3] == "poison"
    assert job.tries == {}


def test_the_hard_limit_is_a_time_out_and_no_poison(ledger: Ledger) -> None:
    """
    A child killed at its hard limit with an item alone in hand: that item timed out, which takes one of its tries.
    """
    desk = Desk(ledger, total=1, attempts=2)
    desk.claim()
    desk.died("limit")
    assert desk.job().tries == {0: 1}
    desk.now += 1000
    desk.claim()
    desk.died("limit")
    job = desk.job()
    assert job.status == "failed"
    assert job.errors[0][3] == "timed_out"


@pytest.mark.parametrize("total", [1, 8])
def test_leases_that_run_out_blame_nobody_up_to_a_point(ledger: Ledger, total: int) -> None:
    """
    Workers that vanish fail no item before the twentieth time, and then only one that was alone.
    """
    desk = Desk(ledger, total=total)
    for n in range(200):
        if desk.job().failed:
            break
        assert desk.claim(first=1 if total == 1 else 4).state == "lease", f"after {n}"
        desk.runs_out()
    job = desk.job()
    assert n >= 20
    assert len(job.failed) == 1
    assert job.errors[0][3] == "abandoned"
    assert job.tries == {}


def test_a_main_process_speaks_of_its_own_child(ledger: Ledger) -> None:
    """
    After the ledger was put back in time a ticket's number is given again, to another child: a main process whose child
    had it before neither ends that lease nor keeps it.
    """
    desk = Desk(ledger, total=2)
    desk.claim()  # by "h"
    ticket = desk.job().number("last")
    (before,) = desk.job().leases.values()
    desk.now += 1000
    assert desk.step("lease_keep", held=[["a", ticket, "another/17"]]).data["kept"] == 0
    assert not desk.step("lease_died", job="a", ticket=ticket, holder="another/17", how="child").data["blamed"]
    assert desk.job().leases[before.token].fields == before.fields
    assert desk.step("lease_keep", held=[["a", ticket, "h"]]).data["kept"] == 1
    assert desk.step("lease_died", job="a", ticket=ticket, holder="h", how="child").data["blamed"]
    assert not desk.job().leases


def die_alone(desk: Desk, item: int) -> None:
    """Wait until the suspect may be tried, claim it alone, and lose the child."""
    while (claim := desk.claim(first=1)).state != "lease":  # it waits for its next try
        desk.now += 1000
    assert claim.data["ranges"] == [[item, item + 1]], claim
    desk.died("child")


@pytest.mark.parametrize(("spared", "deaths"), [(0, 3), (1, 3), (2, 12), (5, 12)])
def test_where_others_are_done_after_a_death_the_third_is_not_enough(ledger: Ledger, spared: int, deaths: int) -> None:
    """
    While other items that lost their child alone are done at the next try, somebody kills children: twelve deaths then.
    """
    desk = Desk(ledger, total=1 + spared)
    for item in range(spared):
        assert desk.claim(first=1).data["ranges"] == [[item, item + 1]]
        desk.died("child")
        assert desk.claim(first=1).data["ranges"] == [[item, item + 1]]
        desk.step("lease_commit", token=f"t{desk.claims}", seq=1, done=[[item, item + 1]], jitter=0, close=True)
    for n in range(deaths):
        assert not desk.job().failed, f"after {n} deaths"
        die_alone(desk, spared)
    assert desk.job().failed == {spared}


def test_a_crowd_of_deaths_asks_for_more_of_them(ledger: Ledger) -> None:
    """
    While three others lose their children within the minute as well, it takes six deaths, and poison is found.
    """
    desk = Desk(ledger, total=4)
    desk.claim(first=4)
    desk.died("child")
    deaths = dict.fromkeys(range(4), 0)
    while len(desk.job().failed) < 4:
        desk.now += 1000
        claim = desk.claim(first=1)
        if claim.state == "lease":
            deaths[claim.data["ranges"][0][0]] += 1
            desk.died("child")
        assert sum(deaths.values()) <= 24
    assert min(deaths.values()) >= 3
    assert max(deaths.values()) == 6
    assert {error[3] for error in desk.job().errors} == {"poison"}
