"""Deadlines, on the ledger alone; the clock is the test's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vocaqueue.store.jobs import Jobs
from vocaqueue.store.ledger import Answer, Ledger

START = 1_800_000_000_000
STEERED = {"type": "toy", "priority": 3, "params": "{}", "total": 4, "attempts": 1, "backoff_ms": 100}


class Clock:
    """Makes steps at a time that the test sets."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.now = ledger, START

    def step(self, name: str, **arguments: Any) -> Answer:
        return self.ledger.step(name, now=self.now, server="one", **arguments)

    def job(self, job_id: str = "a") -> Any:
        return Jobs(self.ledger).get(job_id)

    def claim(self, ticket: int = 1, token: str = "t", job: str = "a", **more: Any) -> Answer:
        given = {"hard_ms": 60_000, "finishes": False, "first": 2, "chunk_ms": 2000, "chunk_max": 100, "holder": "here"}
        return self.step("lease_claim", job=job, ticket=ticket, token=token, **(given | more))

    def overdue(self) -> int:
        return int(self.step("job_overdue", limit=10).data["stopped"])


@pytest.fixture
def clock(make_ledger: Callable[..., Ledger]) -> Clock:
    made = Clock(make_ledger())
    made.step("job_create", id="a", deadline_ms=60_000, **STEERED)
    return made


def test_what_is_done_stays_done(clock: Clock) -> None:
    """
    A job in hand is told to stop, keeps what was settled, and fails with the reason when its lease has ended.
    """
    assert clock.claim().state == "lease"
    clock.now += 60_000
    assert clock.overdue() == 1
    assert clock.overdue() == 0
    assert clock.step("lease_renew", token="t").data["stop"]
    assert clock.job().status.value == "active"
    clock.step("lease_commit", token="t", seq=1, done=[[0, 1]], jitter=0, close=True)
    job = clock.job()
    assert (job.status.value, job.progress.completed, job.error["code"]) == ("failed", 1, "deadline_exceeded")
    assert job.error["message"] == (
        "The job did not end within its deadline of 60 s. What was done stays done; retry it to do the rest."
    )


@pytest.mark.parametrize("how", ["waits", "delayed", "held", "type held"])
def test_it_counts_wherever_the_job_is(clock: Clock, how: str) -> None:
    """
    A job that waits, is delayed or is held fails at its deadline too, and leaves every line.
    """
    if how == "delayed":
        clock.step("job_create", id="b", deadline_ms=60_000, run_at=clock.now + 50_000, **STEERED)
    if how == "held":
        clock.step("job_hold", id="a", held=True)
    if how == "type held":
        clock.step("gate_set", gate="type:toy", shut=True)
    clock.now += 59_999
    assert clock.overdue() == 0
    clock.now += 1
    assert clock.overdue() == (2 if how == "delayed" else 1)
    name = "b" if how == "delayed" else "a"
    assert (clock.job(name).status.value, clock.job(name).error["code"]) == ("failed", "deadline_exceeded")
    for key in ("job_due", "outbox", "deadlines"):
        assert clock.ledger.client.zcard(clock.ledger.keys(key)) == 0


def test_a_claim_begins_nothing_that_is_too_late(clock: Clock) -> None:
    """
    Without any pass of the reconciler a ticket that is used too late ends the job.
    """
    clock.now += 60_000
    assert clock.claim().state == "nothing"
    assert clock.job().status.value == "failed"


def test_a_retry_has_its_own_time(clock: Clock) -> None:
    """
    The deadline counts anew from the retry.
    """
    clock.now += 60_000
    clock.overdue()
    clock.now += 10_000
    clock.step("job_retry", id="a", token="r")
    assert clock.job().deadline_at_ms == clock.now + 60_000
    clock.now += 59_999
    assert clock.overdue() == 0
    clock.now += 1
    assert clock.overdue() == 1


def test_an_ended_job_has_none(clock: Clock) -> None:
    """
    The index holds no job that has ended.
    """
    clock.step("job_cancel", id="a", token="c")
    assert clock.ledger.client.zcard(clock.ledger.keys("deadlines")) == 0
    clock.now += 60_000
    assert clock.overdue() == 0
    assert clock.job().status.value == "cancelled"


def test_a_job_that_only_has_its_report_to_write_ends_as_it_would(clock: Clock) -> None:
    """
    In the finish step nothing is left to stop.
    """
    clock.claim(finishes=True, first=4)
    clock.step("lease_commit", token="t", seq=1, done=[[0, 4]], jitter=0, close=True)
    assert clock.claim(2, "end", finishes=True).data["kind"] == "finish"
    clock.now += 60_000
    assert clock.overdue() == 0
    clock.step("lease_finish", token="end", result=json.dumps({"rows": 4}))
    assert (clock.job().status.value, clock.job().result) == ("completed", {"rows": 4})
