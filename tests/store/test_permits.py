"""Corners of rates, refusals and breakers: each is a fault that somebody could make in the steps, as a plain case."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from vocaqueue.rates import Rate
from vocaqueue.store.ledger import Answer, Ledger

from .workers import Workers

TEN = Rate(10, 1.0)


@pytest.fixture
def workers(ledger: Ledger) -> Workers:
    return Workers(ledger)


def refuse(workers: Workers, token: str, after_ms: int, item: int = 0, **more: Any) -> Answer:
    return workers.step("lease_commit", token=token, seq=1, limited=[[item, after_ms]], jitter=0, **more)


def fail(workers: Workers, codes: list[str]) -> None:
    token, answer = workers.claim(at_once=len(codes), chunk_max=len(codes))
    items = [i for a, b in answer.data["ranges"] for i in range(a, b)]
    failed = [[i, str(i), str(i), code, "Sorry.", True, 600_000] for i, code in zip(items, codes, strict=True)]
    workers.step("lease_commit", token=token, seq=1, failed=failed, jitter=0, close=True, breaker=[20, 3])


def cell(workers: Workers, name: str = "type:toy") -> dict[str, str]:
    found = workers.ledger.client.hgetall(workers.ledger.keys("cell", name))
    return {field.decode(): value.decode() for field, value in found.items()}


@pytest.mark.parametrize("rate", [Rate(1, 1.0), TEN, Rate(100, 1.0), Rate(10, 10.0)])
def test_starts_as_late_as_they_may_be_still_keep_the_window(workers: Workers, rate: Rate) -> None:
    """One start on time, the one `max` permits before it as late as allowed: they are more than a window apart."""
    workers.declare("toy", rate=rate)
    workers.create("a", 1000)
    permits: list[float] = []
    late_ms = 0.0
    for _ in range(400):
        workers.now += 100
        workers.step("limits_wake", limit=10)
        if workers.tickets:
            token, answer = workers.claim()
            if answer.state == "lease":
                permits += answer.data["permits"]
                late_ms = answer.data["late_ms"]
                workers.done(token, answer)
    assert permits[rate.max] - (permits[0] + late_ms) > rate.duration_s * 1000


def test_other_permits_take_the_place_of_the_first_ones(workers: Workers) -> None:
    """Those that passed go back, so nothing is lost; none of the new ones is more than a second ahead."""
    workers.declare("toy", rate=TEN)
    workers.create("a", 1000)
    token, answer = workers.claim()
    first = answer.data["permits"]
    workers.now += 30
    other = workers.step("lease_permits", token=token, want=50).data
    assert other["permits"][0] == workers.now, "the first ones went back"
    assert len(other["permits"]) == len(first)
    assert max(other["permits"]) <= workers.now + 1000


def test_other_permits_are_for_a_lease_that_is_live(workers: Workers) -> None:
    """Whoever lost its lease gets none, and takes none from the others."""
    workers.declare("toy", rate=TEN)
    workers.create("a", 1000)
    token, answer = workers.claim(at_once=2)
    workers.done(token, answer)
    before = cell(workers)
    assert not workers.step("lease_permits", token=token, want=5).data.get("permits")
    assert cell(workers) == before


def test_a_set_takes_one_permit_and_none_when_there_is_none(workers: Workers) -> None:
    """A chunk that is one call needs one, however many items it has; a ticket that is out does not get round it."""
    workers.create("a", 100)
    workers.create("b", 100)
    workers.create("c", 100)
    workers.declare("toy", rate=Rate(3, 1.0))
    for _ in range(2):
        _, answer = workers.claim(at_once=30, together=True)
        assert (answer.data["count"], len(answer.data["permits"])) == (30, 1)
        workers.now += 10
    assert workers.claim(at_once=30, together=True)[1].state == "nothing"


def test_both_the_rate_of_the_type_and_that_of_its_account_hold(workers: Workers) -> None:
    """Where the account allows less than the type, it counts."""
    workers.declare("toy", rate=Rate(100, 1.0), account="maker", account_rate=Rate(5, 1.0))
    workers.create("a", 1000)
    _, answer = workers.claim()
    permits = answer.data["permits"]
    assert len(permits) == 5
    assert all(later - at > 200 for at, later in pairwise(permits))


def test_whoever_commits_is_told_to_wait(workers: Workers) -> None:
    """A chunk that runs begins nothing more once its provider has refused another's call, or its type is held."""
    workers.declare("toy", account="maker", account_rate=Rate(100, 1.0))
    workers.create("a", 1000)
    one, two, three = (workers.claim(at_once=4)[0] for _ in range(3))
    renewed = workers.step("lease_renew", token=two)
    assert "wait" not in renewed.data
    assert refuse(workers, one, 2000).data["wait"] is True
    assert workers.step("lease_renew", token=two).data["wait"] is True
    workers.now += 2500
    assert "wait" not in workers.step("lease_renew", token=three).data
    workers.step("gate_set", gate="account:maker", shut=True)
    assert workers.step("lease_commit", token=three, seq=1, jitter=0).data["wait"] is True


def test_a_shorter_wish_does_not_open_what_a_longer_one_shut(workers: Workers) -> None:
    """Two refusals, one asking for ten seconds and then one for one: it is ten."""
    workers.declare("toy", rate=Rate(100, 1.0))
    workers.create("a", 1000)
    one, two = (workers.claim(at_once=2)[0] for _ in range(2))
    began = workers.now
    refuse(workers, one, 10_000)
    workers.now += 10
    refuse(workers, two, 1000, item=3)
    assert float(cell(workers)["shut"]) == began + 10_000


def test_a_rate_that_nobody_uses_teaches_nothing(workers: Workers) -> None:
    """A learned rate climbs by the seconds in which calls were made, not by the night in between."""
    workers.declare("toy", rate=Rate(100, 1.0))
    workers.create("a", 1000)
    refuse(workers, workers.claim(at_once=2)[0], 500, close=True)
    learned = float(cell(workers)["rate"])
    workers.now += 8 * 3_600_000
    workers.step("job_wake", limit=10, rest_ms=5000)
    workers.step("limits_wake", limit=10)
    assert workers.claim(at_once=2)[1].state == "lease"
    assert float(cell(workers)["rate"]) == learned


def test_what_is_set_by_hand_outlives_what_the_code_says_next(workers: Workers) -> None:
    """A deploy with other limits does not undo an operator's; what was learned of the old rate is forgotten with it."""
    workers.declare("toy", rate=TEN, cap=3)
    workers.create("a", 1000)
    refuse(workers, workers.claim(at_once=2)[0], 500, close=True)
    assert cell(workers)["rate"]
    workers.step("limits_set", type="toy", rate=Rate(50, 1.0).as_step(), cap=4)
    assert "rate" not in cell(workers)
    workers.declare("toy", rate=Rate(1, 1.0), cap=1)
    workers.step("limits_declare", types=[["toy", workers.declared["toy"]]])
    assert cell(workers)["max"] == "50"
    assert workers.ledger.client.hget(workers.ledger.keys("limits", "toy"), "cap") == b"4"


def test_a_higher_rate_of_an_account_wakes_each_of_its_types(workers: Workers) -> None:
    """Jobs of two types are parked for one account; when its rate is taken away, both get tickets at once."""
    for name in ("text", "picture"):
        workers.declare(name, account="maker", account_rate=Rate(1, 60.0))
        for n in range(2):
            workers.create(f"{name}{n}", 10, type_name=name)
    while workers.tickets:
        workers.claim(at_once=1)
    workers.step("limits_set", account="maker", rate=False)
    assert {ticket.type for ticket in workers.tickets} == {"text", "picture"}


def test_a_clock_that_was_set_back_holds_a_rate_up_for_a_second(workers: Workers) -> None:
    """Permits of a time that has not come yet do not count for longer than any permit may be ahead."""
    workers.declare("toy", rate=TEN)
    workers.create("a", 1000)
    token, answer = workers.claim()
    workers.done(token, answer)
    workers.now -= 3_600_000
    for _ in range(8):
        workers.now += 200
        workers.step("limits_wake", limit=10, all=True)
    assert workers.claim()[1].state == "lease"


def test_done_items_end_a_run_of_failures(workers: Workers) -> None:
    """Nineteen failures, one success, nineteen failures: the type is not held."""
    workers.create("a", 1000)
    fail(workers, ["overloaded"] * 19)
    token, answer = workers.claim(at_once=1, chunk_max=1)
    workers.step("lease_commit", token=token, seq=1, done=answer.data["ranges"], jitter=0, close=True, breaker=[20, 3])
    fail(workers, ["overloaded"] * 19)
    assert workers.ledger.client.hkeys(workers.ledger.keys("gates")) == []


def test_failures_of_several_codes_are_no_run(workers: Workers) -> None:
    """In one commit too it is a run of one and the same failure that counts."""
    workers.create("a", 1000)
    fail(workers, ["overloaded", "timed_out"] * 15)
    assert workers.ledger.client.hkeys(workers.ledger.keys("gates")) == []
    fail(workers, ["timed_out"] * 19)
    assert (
        json.loads(workers.ledger.client.hget(workers.ledger.keys("gate_reasons"), "type:toy"))["code"] == "timed_out"
    )


def test_an_urgent_ticket_takes_the_place_of_a_low_one(workers: Workers) -> None:
    """Tickets of more urgent jobs count for the room of the others: with a cap of two, two tickets are out."""
    workers.declare("toy", cap=2)
    workers.step("limits_declare", types=[["toy", workers.declared["toy"]]])
    for n in range(3):
        workers.create(f"urgent{n}", 10, priority=1)
    workers.create("low", 10, priority=4)
    assert [ticket.job_id for ticket in workers.tickets] == ["urgent0", "urgent1"]


def test_parked_jobs_of_a_held_type_get_no_ticket_and_go_on_when_it_opens(workers: Workers) -> None:
    """A gate shuts while jobs are parked: what frees a place wakes none of them; the opening wakes the first."""
    workers.declare("toy", cap=1)
    for n in range(3):
        workers.create(f"j{n}", 1)
    token, answer = workers.claim(at_once=1)
    while workers.tickets:
        workers.claim(at_once=1)
    workers.step("gate_set", gate="type:toy", shut=True)
    workers.done(token, answer)
    assert not workers.tickets
    workers.step("gate_set", gate="type:toy", shut=False)
    assert len(workers.tickets) == 1


def test_what_is_parked_goes_by_a_purge_a_deadline_and_an_emptying(workers: Workers) -> None:
    """Nothing of it is left in any line, whichever way it went; the place that it never had is not missed."""
    workers.declare("toy", cap=1)
    token, answer = "", None
    for n, deadline in enumerate([None, 5000, None, None]):
        workers.step("job_create", id=f"j{n}", type="toy", priority=3, params="{}", total=9, attempts=4, backoff_ms=100,
                     deadline_ms=deadline)  # fmt: skip
    while workers.tickets:
        made, reply = workers.claim(at_once=1)
        if reply.state == "lease":
            token, answer = made, reply
    parked = workers.ledger.keys("parked", "toy", 3)
    assert {each.decode() for each in workers.ledger.client.zrange(parked, 0, -1)} == {"j0", "j1", "j2", "j3"}
    workers.now += 6000
    assert workers.step("job_overdue", limit=10).data["stopped"] == 1
    removed = workers.step("jobs_remove", jobs=[["j2", ""]], what="unbegun", action="empty", token="e")
    assert removed.data["removed"] == 1
    purged = workers.step("line_purge", type="toy", before_ms=workers.now, first=0, limit=500, message="m")
    assert purged.data["cancelled"] == 1
    assert workers.ledger.client.zrange(parked, 0, -1) == [b"j0"]
    assert answer is not None
    workers.done(token, answer)
    assert [ticket.job_id for ticket in workers.tickets] == ["j0"]


def test_parked_jobs_take_turns(workers: Workers) -> None:
    """First parked, first woken: with a cap of one each job has one chunk, then each its second."""
    workers.declare("toy", cap=1)
    workers.step("limits_declare", types=[["toy", workers.declared["toy"]]])
    for n in range(3):
        workers.create(f"j{n}", 10)
    order = []
    while workers.tickets and len(order) < 6:
        token, answer = workers.claim(at_once=2, chunk_max=2)
        if answer.state == "lease":
            order.append(workers.ledger.client.hget(workers.ledger.keys("lease", token), "job").decode())
            while workers.tickets:
                assert workers.claim()[1].state == "nothing"
            workers.done(token, answer)
    assert order == ["j0", "j1", "j2"] * 2


def test_planning_is_no_chunk(workers: Workers) -> None:
    """A job is planned while the cap is used up, and one that is being planned takes no place from chunks."""
    workers.declare("toy", cap=1)
    workers.step("limits_declare", types=[["toy", workers.declared["toy"]]])
    workers.create("big", 100)
    assert workers.claim(at_once=1)[1].data["kind"] == "run"
    for job in "ab":
        workers.step("job_create", id=job, type="toy", priority=3, params="{}", attempts=4, backoff_ms=100)
    planned = {ticket.job_id for ticket in workers.tickets}
    assert planned == {"a", "b"}
    assert [workers.claim()[1].data.get("kind") for _ in "ab"] == ["plan", "plan"]
    assert workers.ledger.client.zcard(workers.ledger.keys("type_leases", "toy")) == 1


def test_a_ticket_that_is_not_wanted_any_more_gives_its_room_to_the_next(workers: Workers) -> None:
    """With a cap of one, the job whose ticket is out is cancelled: the parked one gets a ticket in that step."""
    workers.declare("toy", cap=1)
    workers.step("limits_declare", types=[["toy", workers.declared["toy"]]])
    for n in range(2):
        workers.create(f"j{n}", 10)
    assert [ticket.job_id for ticket in workers.tickets] == ["j0"]
    workers.step("job_cancel", id="j0", token="c")
    assert [ticket.job_id for ticket in workers.tickets] == ["j0", "j1"]
