"""What a job holds beside its work: its idempotency key."""

from __future__ import annotations

from vocaqueue.store.ledger import Ledger

DAY_MS = 86_400_000


def test_taking_an_ended_job_away_does_not_lengthen_the_life_of_its_key(ledger: Ledger) -> None:
    """An idempotency key answers for a day after the job's end, also when the job is removed in between."""
    ledger.step(
        "job_create", id="a", type="toy", priority=3, params="{}", total=1, attempts=3, backoff_ms=100, idem="key",
        body="body",
    )  # fmt: skip
    key = ledger.keys("idempotency", "key")
    assert ledger.client.pttl(key) == -1
    ledger.step("job_cancel", id="a", token="one")
    ledger.client.pexpire(key, DAY_MS // 4)  # as if most of the day had passed
    assert ledger.step("job_remove", id="a", token="two").state == "removed"
    assert 0 < ledger.client.pttl(key) <= DAY_MS // 4
