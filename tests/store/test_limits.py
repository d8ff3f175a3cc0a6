"""Rates, caps and breakers in the ledger, by a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest

from vocaqueue.rates import Rate
from vocaqueue.store.ledger import Answer, Ledger

from .workers import START, Workers

TEN = Rate(10, 1.0)


@pytest.fixture
def workers(ledger: Ledger) -> Workers:
    return Workers(ledger)


def most_in_a_window(times: list[float], window_ms: float) -> int:
    times = sorted(times)
    return max(sum(1 for other in times if at <= other < at + window_ms) for at in times)


@pytest.mark.parametrize("rate", [Rate(10, 1.0), Rate(3, 2.0), Rate(100, 1.0), Rate(10, 10.0)])
def test_no_window_holds_more_permits_than_the_rate(workers: Workers, rate: Rate) -> None:
    """At any offset a window has `max` permits at the most, also with claims that use just some of what they got."""
    workers.declare("toy", rate=rate)
    workers.create("a", 5000)
    used: list[float] = []
    window_ms = rate.duration_s * 1000
    while workers.now < START + 6 * window_ms:
        if not workers.tickets:
            workers.now += 50
            workers.step("limits_wake", limit=10)
            continue
        token, answer = workers.claim()
        if answer.state != "lease":
            continue
        permits = answer.data["permits"]
        assert all(at <= workers.now + 1000 for at in permits), "a slot would sleep for more than a second"
        assert len(permits) == answer.data["count"]
        kept = permits if workers.numbers % 3 else permits[: len(permits) // 2]
        workers.now = max(workers.now, kept[-1] if kept else 0) + 1
        workers.done(token, answer, unused=len(permits) - len(kept), count=len(kept))
        used += kept
    assert most_in_a_window(used, window_ms) <= rate.max
    assert len(used) >= 0.93 * 6 * rate.max - rate.max / 10, (
        "half of what a third of the claims got was given back and used"
    )


def test_a_burst_is_given_after_a_quiet_time(workers: Workers) -> None:
    """With a burst of five, five more may start at once; then the rate holds."""
    workers.declare("toy", rate=Rate(10, 1.0, burst=5))
    workers.create("a", 100)
    _, answer = workers.claim()
    permits = answer.data["permits"]
    assert permits[:6] == [workers.now] * 6
    assert most_in_a_window(permits, 1000) <= 15


def test_permits_that_somebody_else_is_behind_do_not_come_back(workers: Workers) -> None:
    """Two leases hold permits one after the other: the first one's rest is lost, for the second one has its times."""
    workers.declare("toy", rate=TEN)
    workers.create("a", 100)
    one, first = workers.claim(at_once=4)
    two, second = workers.claim(at_once=4)
    workers.now += 600
    workers.done(one, first, unused=3, count=1)
    _, third = workers.claim(at_once=2)
    assert min(third.data["permits"]) >= max(second.data["permits"]) + 100
    workers.done(two, second, unused=4, count=0)
    times = sorted([*second.data["permits"], *third.data["permits"]])
    assert all(b - a > 100 for a, b in pairwise(times))


def test_a_shut_rate_uses_hardly_any_tickets(workers: Workers) -> None:
    """While a provider has everybody wait for ten seconds, twenty jobs use fewer than twenty tickets, and no try."""
    workers.declare("toy", account="maker", account_rate=TEN)
    for n in range(20):
        workers.create(f"j{n:02}", 50)
    token, answer = workers.claim(at_once=2)
    workers.step("lease_commit", token=token, seq=1, limited=[[0, 10_000]], jitter=0, close=True)
    workers.used = 0
    for _ in range(45):
        while workers.tickets:
            assert workers.claim()[1].state == "nothing"
        workers.now += 200
        workers.step("limits_wake", limit=10)
        workers.step("job_wake", limit=100, rest_ms=5000)
    assert workers.used < 20
    workers.now += 1000
    workers.step("limits_wake", limit=10)
    _, answer = workers.claim()
    assert answer.state == "lease"
    assert workers.ledger.client.hlen(workers.ledger.keys("tries", "j00")) == 0


def test_a_cap_holds_at_every_claim(workers: Workers) -> None:
    """Of a type with a cap of three never more leases than three, and no place stays free while there is work."""
    workers.declare("toy", cap=3)
    for n in range(30):
        workers.create(f"j{n:02}", 6)
    running: list[tuple[str, Answer]] = []
    leases = workers.ledger.keys("type_leases", "toy")
    for turn in range(400):
        while workers.tickets:
            token, answer = workers.claim(at_once=3)
            if answer.state == "lease":
                running.append((token, answer))
            assert workers.ledger.client.zcard(leases) <= 3
        if not running:
            break
        assert len(running) == 3 or workers.ledger.client.zcard(workers.ledger.keys("by_status", "completed")) > 20
        workers.done(*running.pop(turn % len(running)))
    assert workers.ledger.client.zcard(workers.ledger.keys("by_status", "completed")) == 30


def test_an_urgent_job_gets_the_next_free_place(workers: Workers) -> None:
    """With the cap used up, a critical job that comes last is the first one to be claimed."""
    workers.declare("toy", cap=1)
    for n in range(5):
        workers.create(f"j{n}", 10)
    token, answer = workers.claim(at_once=3)
    workers.create("urgent", 1, priority=1)
    workers.tickets.clear()  # those that were out find the cap full, or are lost
    workers.done(token, answer)
    assert [ticket.job_id for ticket in workers.tickets] == ["urgent"]


def test_jobs_of_a_limited_type_take_turns(workers: Workers) -> None:
    """A small job does not wait for a big one of the same type and rate to end."""
    workers.declare("toy", rate=TEN)
    workers.create("big", 100_000)
    order = []
    for n in range(12):
        if n == 2:
            workers.create("small", 4)
        while not workers.tickets:
            workers.now += 50
            workers.step("limits_wake", limit=10)
        token, answer = workers.claim(at_once=2)
        if answer.state == "lease":
            order.append(workers.ledger.client.hget(workers.ledger.keys("lease", token), "job").decode())
            workers.now = max(answer.data["permits"])
            workers.done(token, answer)
    assert order.count("small") == 2
    assert order.index("small") <= 4


def test_what_it_takes_to_burst_is_granted_at_once(workers: Workers) -> None:
    """One claim gets the whole of a burst: it is not cut to what the rate gives in a second."""
    workers.declare("toy", rate=Rate(2, 1.0, burst=20))
    workers.create("a", 100)
    _, answer = workers.claim(at_once=50)
    permits = answer.data["permits"]
    assert permits.count(workers.now) == 21
    assert len(permits) == answer.data["count"] == 22


def test_two_types_share_an_account(workers: Workers) -> None:
    """The account's rate holds for both together; a refusal of one shuts it for the other."""
    for name in ("text", "picture"):
        workers.declare(name, account="maker", account_rate=TEN)
        workers.create(name[0], 100, type_name=name)
    one, first = workers.claim(at_once=4)
    _, second = workers.claim(at_once=4)
    assert most_in_a_window([*first.data["permits"], *second.data["permits"]], 1000) <= 10
    workers.step("lease_commit", token=one, seq=1, limited=[[0, 3000]], jitter=0, close=True)
    cell = workers.ledger.client.hgetall(workers.ledger.keys("cell", "account:maker"))
    assert float(cell[b"shut"]) == workers.now + 3000
    assert float(cell[b"rate"]) < 10


def test_calls_on_their_way_cut_the_rate_once(workers: Workers) -> None:
    """Five refusals of calls that were begun before the first one came back are one lesson; the next is another."""
    workers.declare("toy", account="maker", account_rate=Rate(100, 1.0))
    workers.create("a", 1000)
    held = [workers.claim(at_once=2)[0] for _ in range(5)]
    workers.now += 50
    for token in held:
        workers.step("lease_commit", token=token, seq=1, limited=[[0, 500]], jitter=0, close=True)
    key = workers.ledger.keys("cell", "account:maker")
    once = float(workers.ledger.client.hget(key, "rate"))
    assert once == pytest.approx(100 * 0.97 * 0.94, rel=0.01)


def call_until(
    workers: Workers, end: int, limit_at: Callable[[float], int], after_ms: int = 1000
) -> list[tuple[float, bool]]:
    """Work on what there is, with a provider that takes so many calls in a second: (when, taken) of each call."""
    window: list[float] = []
    calls: list[tuple[float, bool]] = []
    while workers.now < end:
        if not workers.tickets:
            workers.now += 50
            workers.step("limits_wake", limit=10)
            workers.step("job_wake", limit=10, rest_ms=5000)
            continue
        token, answer = workers.claim(at_once=4)
        if answer.state != "lease":
            continue
        items = [i for a, b in answer.data["ranges"] for i in range(a, b)]
        good: list[int] = []
        refused: list[list[int]] = []
        for item, at in zip(items, answer.data.get("permits") or [workers.now] * len(items), strict=True):
            workers.now = max(workers.now, at)
            window = [other for other in window if other > workers.now - 1000]
            if len(window) < limit_at(workers.now):
                window.append(workers.now)
                good.append(item)
                calls.append((workers.now, True))
            else:
                refused.append([item, after_ms])
                calls.append((workers.now, False))
                break
        workers.step(
            "lease_commit", token=token, seq=1, done=[[i, i + 1] for i in good] or None, limited=refused or None,
            jitter=0, close=True, unused=len(items) - len(good) - len(refused), begun=len(items), elapsed_ms=1000,
        )  # fmt: skip
    return calls


@pytest.mark.parametrize("limit", [(10, 10), (20, 5), (5, 20)])
def test_a_hidden_limit_is_found_and_followed(workers: Workers, limit: tuple[int, int]) -> None:
    """The provider's limit is not known and changes: a minute later 90 % of it is used, with under 2 % refused."""
    workers.declare("toy", account="maker", account_rate=Rate(50, 1.0))
    workers.create("a", 100_000)
    change, end = START + 60_000, START + 180_000
    calls = call_until(workers, end, lambda now: limit[now >= change])
    steady = [ok for at, ok in calls if at >= change + 60_000]
    assert sum(steady) / 60 >= 0.9 * limit[1], sum(steady) / 60
    assert steady.count(False) / len(steady) < 0.02


def test_a_provider_that_is_away_teaches_no_rate(workers: Workers) -> None:
    """After three minutes in which every call is refused the rate is what it was, not a thousandth of it."""
    workers.declare("toy", account="maker", account_rate=Rate(50, 1.0))
    workers.create("a", 100_000)
    away, back = START + 10_000, START + 190_000
    calls = call_until(workers, back + 10_000, lambda now: 0 if away <= now < back else 1000, after_ms=5000)
    assert sum(ok for at, ok in calls if at >= back + 5000) / 5 >= 0.9 * 50
    assert sum(not ok for _, ok in calls) <= 45, "one call at a time asks whether it is back"


@pytest.mark.parametrize("limit", [20, 200])
def test_a_limit_of_which_nothing_is_known_is_found_within_a_minute(workers: Workers, limit: int) -> None:
    """Where the very first call is refused and no rate is configured, the rate grows fast until a refusal tells one."""
    workers.declare("toy", account="maker", account_rate=None)
    workers.create("a", 100_000)
    opens = START + 20_000
    calls = call_until(workers, opens + 120_000, lambda now: 0 if now < opens else limit)
    steady = [ok for at, ok in calls if at >= opens + 60_000]
    assert sum(steady) / 60 >= 0.9 * limit, sum(steady) / 60
    assert steady.count(False) / len(steady) < 0.02


def fail(workers: Workers, code: str, count: int) -> None:
    token, answer = workers.claim(at_once=count, chunk_max=count)
    items = [i for a, b in answer.data["ranges"] for i in range(a, b)]
    failed = [[i, str(i), str(i), code, "It is overloaded.", True, 60_000] for i in items]
    workers.step("lease_commit", token=token, seq=1, failed=failed, jitter=0, close=True, breaker=[20, 3])


def test_a_run_of_one_failure_holds_the_type(workers: Workers) -> None:
    """Twenty retryable failures of one code in a row hold the type with one reason; others in between do not."""
    workers.create("a", 1000)
    gates, reasons = workers.ledger.keys("gates"), workers.ledger.keys("gate_reasons")
    fail(workers, "overloaded", 15)
    fail(workers, "timed_out", 15)
    fail(workers, "overloaded", 19)
    assert workers.ledger.client.hkeys(gates) == []
    fail(workers, "overloaded", 1)
    assert workers.ledger.client.hkeys(gates) == [b"type:toy"]
    reason = json.loads(workers.ledger.client.hget(reasons, "type:toy"))
    assert reason["code"] == "overloaded"
    assert "20 tries" in reason["message"]
    workers.tickets.clear()
    workers.step("gate_set", gate="type:toy", shut=False)
    assert workers.ledger.client.hkeys(reasons) == []
    fail(workers, "overloaded", 15)
    assert workers.ledger.client.hkeys(gates) == [], "it is counted from nothing again"


def test_the_same_end_of_three_jobs_holds_the_account(workers: Workers, make_ledger: Callable[..., Ledger]) -> None:
    """Three jobs that end with one fatal cause hold the account of their type, and with it its other types."""
    for name in ("text", "picture"):
        workers.declare(name, account="maker", account_rate=None)
    for n in range(4):
        workers.create(f"t{n}", 10, type_name="text")
    for _ in range(3):
        token, _answer = workers.claim()
        fatal = {"code": "no_credit", "message": "Top it up."}
        workers.step("lease_commit", token=token, seq=1, fatal=fatal, jitter=0, close=True, breaker=[20, 3])
    assert workers.ledger.client.hkeys(workers.ledger.keys("gates")) == [b"account:maker"]
    workers.create("p", 10, type_name="picture")
    while workers.tickets:
        assert workers.claim()[1].state in {"nothing", "stale"}
    workers.step("gate_set", gate="account:maker", shut=False)
    assert {ticket.job_id for ticket in workers.tickets} == {"t3", "p"}
