"""Limits that change while jobs run and wait: by hand, by other code, by what was learned."""

from __future__ import annotations

import pytest

from vocaqueue.rates import Rate
from vocaqueue.store.ledger import Ledger

from .workers import Workers

TEN = Rate(10, 1.0)


@pytest.fixture
def workers(ledger: Ledger) -> Workers:
    return Workers(ledger)


def test_limits_change_at_run_time(workers: Workers) -> None:
    """What is set by hand counts from the next claim on, is not undone by the code, and can be taken away."""
    workers.declare("toy", rate=TEN, cap=1)
    workers.create("a", 1000)
    token, answer = workers.claim()
    assert len(answer.data["permits"]) == 10
    workers.step("limits_set", type="toy", rate=Rate(50, 1.0).as_step(), cap=4)
    workers.now += 1000
    workers.step("limits_wake", limit=10)
    assert workers.tickets, "the cap lets more run"
    workers.done(token, answer)
    token, answer = workers.claim()
    assert len(answer.data["permits"]) == 49
    workers.step("limits_set", type="toy", rate=False, cap=False)
    workers.now += 1000
    workers.done(token, answer)
    _, answer = workers.claim()
    assert "permits" not in answer.data


def test_a_new_rate_keeps_its_distance_from_what_was_granted(workers: Workers) -> None:
    """Permits are out a second ahead; setting a rate, the same one even, grants nothing in between them."""
    workers.declare("toy", rate=TEN)
    workers.create("a", 1000)
    _, first = workers.claim(at_once=4)
    workers.step("limits_set", type="toy", rate=TEN.as_step())
    second: list[float] = []
    for _ in range(40):
        workers.now += 50
        workers.step("limits_wake", limit=10)
        if workers.tickets and not second:
            second = workers.claim(at_once=4)[1].data.get("permits") or []
    assert min(second) - max(first.data["permits"]) > 100


def test_limits_that_the_code_does_not_declare_any_more_leave_nobody_parked(workers: Workers) -> None:
    """Other code takes a cap away while jobs are parked for it: the next pass over all types frees them."""
    workers.declare("toy", cap=1)
    for n in range(5):
        workers.create(f"j{n}", 10)
    while workers.tickets:
        token, answer = workers.claim(at_once=3)
        if answer.state == "lease":
            held = token, answer
    workers.declare("toy")
    workers.step("limits_declare", types=[["toy", workers.declared["toy"]]])
    workers.done(*held)
    workers.step("limits_wake", limit=10, all=True)
    assert {ticket.job_id for ticket in workers.tickets} == {f"j{n}" for n in range(5)}


def test_what_was_learned_where_nothing_is_configured_is_forgotten(workers: Workers) -> None:
    """A refusal without a configured rate teaches one; it climbs as long as it is used, and goes in the end."""
    workers.declare("toy")
    workers.create("a", 1_000_000)
    token, answer = workers.claim(at_once=4)
    workers.now += 1000
    limited = [[answer.data["ranges"][0][0], 500]]
    workers.step("lease_commit", token=token, seq=1, limited=limited, jitter=0, close=True, begun=1, elapsed_ms=200)
    cell = workers.ledger.keys("cell", "type:toy")
    rates, end = [], workers.now + 300_000
    while workers.now < end:
        workers.now += 1000
        workers.step("limits_wake", limit=10)
        workers.step("job_wake", limit=10, rest_ms=5000)
        if workers.tickets:
            token, answer = workers.claim(at_once=1, chunk_max=1)
            if answer.state == "lease":
                workers.done(token, answer)
        rates.append(float(workers.ledger.client.hget(cell, "rate") or 0))
    assert 0 < rates[0] < rates[5] < rates[10]
    assert rates[-1] == 0
    assert "permits" not in answer.data
