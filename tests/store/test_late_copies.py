"""A command that was on its way for long: its caller has made it again meanwhile, and what it did was undone since."""

from __future__ import annotations

import pytest

from tests.model.real import Real
from vocaqueue.store.ledger import Ledger

JOB = {"type": "toy", "priority": 3, "params": "{}", "total": 2, "attempts": 1, "backoff_ms": 100}


def remove(ledger: Ledger, token: str) -> bytes:
    """Take the job away; answers what the bin keeps of it."""
    ((_, seen, _, packed),) = ledger.ask("jobs_read", ids=["a"], what="unbegun", bytes=10**6, items=10**6)
    step = ledger.step("jobs_remove", jobs=[["a", seen.decode()]], what="unbegun", action="empty", token=token)
    assert step.data["removed"] == 1
    kept: bytes = packed
    return kept


@pytest.mark.parametrize("second", ["back", "other"])
def test_an_old_copy_of_a_restore_does_not_bring_the_job_back_a_second_time(ledger: Ledger, second: str) -> None:
    """It changes nothing after the job was removed again, whether it had restored the job or found it there."""
    ledger.step("job_create", id="a", **JOB)
    packed = remove(ledger, "one")
    first = ledger.step("job_restore", id="a", token="back", blob=packed)
    assert first.state == "restored"
    answered = ledger.step("job_restore", id="a", token=second, blob=packed)
    assert answered.state == ("restored" if second == "back" else "exists")
    remove(ledger, "two")
    before = Real.read(ledger.client, ledger.keys.prefix)
    assert not before.jobs
    late = ledger.step("job_restore", id="a", token=second, blob=packed)
    assert (late.state, late.data) == (answered.state, answered.data)
    assert Real.read(ledger.client, ledger.keys.prefix).raw == before.raw


def test_an_old_copy_of_a_creation_does_not_make_a_removed_job_again(ledger: Ledger) -> None:
    """The job was removed minutes after it was made; the copy finds it made already, and writes nothing."""
    ledger.step("job_create", id="a", **JOB)
    remove(ledger, "one")
    before = Real.read(ledger.client, ledger.keys.prefix)
    assert ledger.step("job_create", id="a", **JOB).state == "exists"
    assert Real.read(ledger.client, ledger.keys.prefix).raw == before.raw


def test_what_is_remembered_of_a_restore_goes_by_itself(ledger: Ledger) -> None:
    """Its answer is kept for minutes, then there is nothing left of the act."""
    ledger.step("job_create", id="a", **JOB)
    ledger.step("job_restore", id="a", token="back", blob=remove(ledger, "one"))
    assert 0 < ledger.client.ttl(ledger.keys("told", "back")) <= 300
