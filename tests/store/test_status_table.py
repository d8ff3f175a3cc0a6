"""The Lua that moves a job and the table in Python."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from tests.model.real import Real
from vocaqueue.job import MAY_BECOME, JobStatus
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.scripts import assemble

CREATED_AT = 1_800_000_000_000
MOVE = assemble("#!lua\nreturn answer({ moved = move(load(a.id), a.to) })")


def put_job(ledger: Ledger, status: JobStatus) -> None:
    """A job as it is in `status`, with its places in the indexes; written by hand, so that any status can be had."""
    keys, client = ledger.keys, ledger.client
    answer = ledger.step(
        "job_create", now=CREATED_AT, id="j", type="toy", priority=3, params="{}", total=3, attempts=1, backoff_ms=1
    )
    assert answer.state == "created"
    client.zrem(keys("by_status", "waiting"), "j")
    client.zrem(keys("by_type_status", "toy", "waiting"), "j")
    client.hset(keys("job", "j"), "status", status.value)
    client.zadd(keys("by_status", status.value), {"j": CREATED_AT})
    client.zadd(keys("by_type_status", "toy", status.value), {"j": CREATED_AT})


def read(ledger: Ledger) -> dict[str, Any]:
    return Real.read(ledger.client, ledger.keys.prefix).raw


@pytest.mark.parametrize(("before", "to"), list(product(JobStatus, JobStatus)))
def test_a_job_moves_exactly_where_the_table_says(ledger: Ledger, before: JobStatus, to: JobStatus) -> None:
    """
    The Lua script and MAY_BECOME agree on every pair of statuses, and what is refused touches nothing.
    """
    put_job(ledger, before)
    was = read(ledger)
    arguments = json.dumps({"id": "j", "to": to.value, "now": CREATED_AT + 5})
    moved = json.loads(ledger.client.eval(MOVE, 1, ledger.keys.prefix, arguments))["moved"]
    assert moved is (to in MAY_BECOME[before])
    now = read(ledger)
    if not moved:
        assert now == was
        return
    assert now["job:j"] == was["job:j"] | {"status": to.value}
    in_index = {name for name in now if name.startswith(("by-status:", "by-type-status:"))}
    assert in_index == {f"by-status:{to.value}", f"by-type-status:toy:{to.value}"}
    assert all(now[name] == {"j": float(CREATED_AT)} for name in in_index)


def test_the_table_knows_every_status() -> None:
    """
    Each status has a row, none leads to itself, and a final one only back into line.
    """
    assert set(MAY_BECOME) == set(JobStatus)
    for status, allowed in MAY_BECOME.items():
        assert status not in allowed
        if status.is_final:
            assert allowed == {JobStatus.WAITING}


def test_every_status_can_be_left_and_reached() -> None:
    """
    From `waiting` each status can be reached, and from each an end.
    """
    reached, grown = {JobStatus.WAITING}, True
    while grown:
        grown = bool(new := {to for status in reached for to in MAY_BECOME[status]} - reached)
        reached |= new
    assert reached == set(JobStatus)
    assert all(any(to.is_final for to in MAY_BECOME[status]) for status in JobStatus if not status.is_final)
