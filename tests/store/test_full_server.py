"""A server whose memory is full: what settles or frees goes on, what is new is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from vocaqueue.errors import StoreUnavailable
from vocaqueue.settings import Settings
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.lock import Lock
from vocaqueue.testing.valkey import PrivateValkey

START = 1_800_000_000_000
CLAIM = {"holder": "h", "hard_ms": 60_000, "finishes": False, "first": 2, "chunk_ms": 2000, "chunk_max": 9}


@pytest.fixture
def server() -> Iterator[PrivateValkey]:
    with PrivateValkey(options={"maxmemory-policy": "noeviction"}) as server:
        yield server


def fill(client: redis.Redis) -> None:
    """The limit falls well below what is in use, so that nothing which the server frees meanwhile makes room."""
    client.set("filler", b"x" * 5_000_000)
    client.config_set("maxmemory", "1mb")


def test_paid_work_is_taken_when_memory_is_full(server: PrivateValkey) -> None:
    """
    Commit, renew, reap and cancel run on a full server; a new job is refused as StoreUnavailable and leaves nothing.
    """
    ledger = Ledger(Settings.from_env({"REDIS_URL": server.url}))
    new = {"type": "toy", "priority": 3, "params": "{}", "total": 8, "attempts": 2, "backoff_ms": 100}
    for job in ("a", "b", "c"):
        ledger.step("job_create", now=START, id=job, **new)
        assert ledger.step("lease_claim", now=START, job=job, ticket=1, token=f"t-{job}", **CLAIM).state == "lease"
    fill(server.client)
    with pytest.raises(redis.OutOfMemoryError):
        server.client.set("small", "x" * 100)

    before = set(server.client.keys(ledger.keys.prefix + "*"))
    with pytest.raises(StoreUnavailable):
        ledger.step("job_create", now=START, id="d", patience_s=0.2, **new)
    assert set(server.client.keys(ledger.keys.prefix + "*")) == before

    busy = [1, "w1", "one", "busy", "a sentence", True, None]
    commit = ledger.step(
        "lease_commit", now=START, token="t-a", seq=1, done=[[0, 1]], failed=[busy], cost_nano=9, jitter=0, close=True
    )
    assert commit.state == "ok"
    assert server.client.hget(ledger.keys("job", "a"), "completed") == b"1"
    assert ledger.step("lease_renew", now=START, token="t-b").state == "ok"
    assert ledger.step("job_cancel", now=START, id="b").state == "stopping"
    assert ledger.step("lease_died", now=START, job="b", ticket=1, how="child").data["blamed"]
    assert server.client.hget(ledger.keys("job", "b"), "status") == b"cancelled"
    reaped = 0
    for seconds in range(2, 40, 2):
        reaped += ledger.step("lease_reap", now=START + 1000 * seconds, gap_ms=3000, limit=10).data["reaped"]
        ledger.step("job_wake", now=START + 1000 * seconds, limit=10, rest_ms=5000)
        ledger.step("ticket_resend", now=START + 1000 * seconds, age_ms=2000, limit=10, missing_ms=1000)
    assert reaped == 1


def test_the_reconciler_goes_on_when_memory_is_full(server: PrivateValkey) -> None:
    """
    Its lock can be taken, kept and left on a full server, so that dead workers' items come back and old jobs can go.
    """
    ledger = Ledger(Settings.from_env({"REDIS_URL": server.url}))
    kept, other = Lock(ledger, "reconciler", 5.0), Lock(ledger, "reconciler", 5.0)
    assert kept.keep()
    fill(server.client)
    assert kept.keep()
    assert not other.keep()
    kept.leave()
    assert other.keep()


def test_a_server_that_may_not_write_counts_as_away(server: PrivateValkey) -> None:
    """
    A refusal that passes by itself (a full disk, too few replicas) is StoreUnavailable; the same step works afterwards.
    """
    ledger = Ledger(Settings.from_env({"REDIS_URL": server.url}))
    new = {"id": "a", "type": "toy", "priority": 3, "params": "{}", "total": 1, "attempts": 1, "backoff_ms": 100}
    server.client.config_set("min-replicas-to-write", 1)
    with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
        ledger.step("job_create", patience_s=0.2, **new)
    server.client.config_set("min-replicas-to-write", 0)
    assert ledger.step("job_create", **new).state == "created"
