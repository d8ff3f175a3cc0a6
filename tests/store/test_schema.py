"""Jobs of another version of the code: newer ones wait for newer workers, older ones are read and upgraded."""

from __future__ import annotations

import json

import pytest

from vocaqueue.store.jobs import Jobs
from vocaqueue.store.ledger import Answer, Ledger
from vocaqueue.store.schema import SCHEMA


def _create(ledger: Ledger, job_id: str = "toy-1") -> None:
    answer = ledger.step(
        "job_create", id=job_id, type="toy", priority=3, params="{}", total=1, attempts=4, backoff_ms=2000
    )
    assert [ticket.number for ticket in answer.tickets] == [1]
    ledger.step("ticket_sent", sent=[[job_id, 1]])


def _claim(ledger: Ledger, token: str, *, ticket: int = 1, type_name: str = "toy", now: int | None = None) -> Answer:
    return ledger.step(
        "lease_claim", job="toy-1", type=type_name, ticket=ticket, token=token, hard_ms=60_000, finishes=False,
        first=10, chunk_ms=2000, chunk_max=1000, now=now,
    )  # fmt: skip


def test_a_newer_job_is_left_alone_and_its_ticket_comes_again(ledger) -> None:
    """A worker that meets a newer schema uses nothing up; the ticket comes back, later each time; said once."""
    _create(ledger)
    key = ledger.keys("job", "toy-1")
    ledger.client.hset(key, "schema", SCHEMA + 1)
    start = ledger.now_ms()
    first = _claim(ledger, "a", now=start)
    assert (first.state, first.data["first"], first.tickets) == ("newer", True, [])
    assert Jobs(ledger).get("toy-1").wait_reason["code"] == "newer_schema"

    at, waits = start, []
    for n in range(7):
        since = at
        while not (tickets := ledger.step("ticket_resend", age_ms=2000, limit=100, now=at).tickets):
            at += 500
        assert [(ticket.job_id, ticket.number) for ticket in tickets] == [("toy-1", 1)]
        waits.append(at - since)
        ledger.step("ticket_sent", sent=[["toy-1", 1]], now=at)
        again = _claim(ledger, f"again-{n}", now=at)
        assert (again.state, again.data["first"]) == ("newer", False)
    assert waits == sorted(waits)
    assert waits[0] <= 2000
    assert 59_000 <= waits[-1] <= 61_000

    # A worker of the newer code comes: for it the schema is not newer.
    ledger.client.hset(key, "schema", SCHEMA)
    taken = _claim(ledger, "b", now=at)
    assert (taken.state, taken.data["ranges"]) == ("lease", [[0, 1]])
    assert Jobs(ledger).get("toy-1").wait_reason is None


@pytest.mark.parametrize("schema", [None, "0"])
def test_an_older_job_is_upgraded_when_it_is_changed(ledger, schema: str | None) -> None:
    """A job written before there was a schema lacks fields; it is read, claimed, and written as a new one."""
    _create(ledger)
    key = ledger.keys("job", "toy-1")
    ledger.client.hdel(key, "schema", "cost_nano", "min", "backoff_ms", "skipped", "cursor", "in_hand", "run", "phase")
    if schema is not None:
        ledger.client.hset(key, "schema", schema)
    record = Jobs(ledger).get("toy-1")
    assert (record.status, record.progress.total, record.run, record.in_hand) == ("waiting", 1, 1, 0)
    assert Jobs(ledger).page().items[0].id == "toy-1"

    assert _claim(ledger, "a").data["ranges"] == [[0, 1]]
    done = ledger.step("lease_commit", token="a", seq=1, done=[[0, 1]], close=True)
    assert done.state == "ok"
    stored = ledger.client.hgetall(key)
    assert (stored[b"schema"], stored[b"status"], stored[b"cost_nano"]) == (str(SCHEMA).encode(), b"completed", b"0")


def test_a_ticket_of_an_unknown_type_waits_too(ledger) -> None:
    """A worker that does not know a job's type gives its ticket back to the outbox; of no such job it says so."""
    _create(ledger)

    def postpone(**more: object) -> Answer:
        given = {
            "token": "x",
            "job": "toy-1",
            "ticket": 1,
            "type": "toy",
            "reason": "unknown_type",
            "message": "…",
        } | more
        return ledger.step("ticket_postpone", **given)

    assert postpone(job="toy-2").state == "gone"
    assert postpone(type="other").state == "gone"
    assert ledger.client.zscore(ledger.keys("sent", "toy:3"), "toy-1") is not None
    answer = postpone()
    assert (answer.state, answer.data["first"]) == ("postponed", True)
    assert ledger.client.zscore(ledger.keys("sent", "toy:3"), "toy-1") is None
    assert ledger.client.zscore(ledger.keys("outbox"), "toy-1") is not None
    assert _claim(ledger, "a").state == "lease", "the ticket counts all the same"


def test_a_ticket_of_another_type_takes_nothing(ledger) -> None:
    """A message that names one task and the job of another type makes no lease."""
    _create(ledger)
    assert _claim(ledger, "a", type_name="bulk").state == "other_type"
    assert json.loads(ledger.client.hget(ledger.keys("job", "toy-1"), "last")) == 0
    assert _claim(ledger, "b").state == "lease"
