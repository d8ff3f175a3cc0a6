"""Types that share a provider's account share it fairly."""

from __future__ import annotations

from collections import Counter

import pytest

from vocaqueue.rates import Rate
from vocaqueue.store.ledger import Answer, Ledger

from .workers import START, Workers


@pytest.mark.parametrize(("slots", "at_once"), [(4, 1), (8, 4), (3, 25)])
def test_a_busy_type_does_not_starve_another_of_its_account(ledger: Ledger, slots: int, at_once: int) -> None:
    """Twenty big jobs of one type and one of another: that one gets its share of the calls, and no permit is lost."""
    workers = Workers(ledger)
    for name in ("busy", "small"):
        workers.declare(name, account="maker", account_rate=Rate(10, 1.0))
    for n in range(20):
        workers.create(f"busy{n}", 10_000, type_name="busy")
    workers.create("small", 10_000, type_name="small")
    running: list[tuple[float, str, str, Answer]] = []
    free, calls = {"busy": slots, "small": 2}, Counter[str]()
    while workers.now < START + 20_000:
        workers.now += 20
        if workers.now % 200 == 0:
            workers.step("limits_wake", limit=10)
        for each in [each for each in running if each[0] <= workers.now]:
            running.remove(each)
            free[each[1]] += 1
            workers.done(each[2], each[3])
        for _ in range(len(workers.tickets)):
            kind = workers.tickets[0].type
            if not free[kind]:
                workers.tickets.append(workers.tickets.pop(0))
                continue
            token, answer = workers.claim(at_once=at_once, chunk_max=at_once)
            if answer.state == "lease":
                free[kind] -= 1
                calls[kind] += len(answer.data["permits"])
                running.append((max(answer.data["permits"]) + 50, kind, token, answer))
    assert calls["small"] >= 0.25 * calls.total(), calls
    assert calls.total() >= 0.95 * 20 * 10, calls


def test_what_is_owed_to_a_type_without_workers_is_not_kept_for_long(ledger: Ledger) -> None:
    """Its worker asked once and then went: a second later the other type goes on."""
    workers = Workers(ledger)
    for name in ("text", "picture"):
        workers.declare(name, account="maker", account_rate=Rate(10, 1.0))
        workers.create(name, 1000, type_name=name)
    assert workers.claim(at_once=10)[1].state == "lease"
    while workers.tickets:
        assert workers.claim(at_once=10)[1].state == "nothing"
    claimed = False
    for _ in range(10):
        workers.now += 200
        workers.step("limits_wake", limit=10)
        workers.tickets = [ticket for ticket in workers.tickets if ticket.type == "text"]
        while workers.tickets and not claimed:
            claimed = workers.claim(at_once=10)[1].state == "lease"
    assert claimed
