"""A real server that is killed or frozen for longer than a lease, with nobody's worker touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vocaqueue.errors import StoreUnavailable
from vocaqueue.settings import Settings
from vocaqueue.store.ledger import Ledger
from vocaqueue.testing.valkey import PrivateValkey

LEASE_S = 1.0
HOLDERS = 5
CLAIM = {"holder": "h", "hard_ms": 60_000, "finishes": False, "first": 4, "chunk_ms": 2000, "chunk_max": 9}


@pytest.fixture
def server() -> Iterator[PrivateValkey]:
    with PrivateValkey(aof=True) as server:
        yield server


@pytest.fixture
def ledger(server: PrivateValkey) -> Ledger:
    """With real time, and leases of a second."""
    return Ledger(Settings.from_env({"REDIS_URL": server.url}, lease_s=LEASE_S, heartbeat_s=0.3))


def kill(server: PrivateValkey, away_s: float) -> None:
    server.kill()
    time.sleep(away_s)  # this is the outage itself, not a wait for something
    server.start()


def freeze(server: PrivateValkey, away_s: float) -> None:
    server.freeze()
    time.sleep(away_s)
    server.thaw()


def reap(ledger: Ledger) -> int:
    return int(ledger.step("lease_reap", gap_ms=400, limit=100).data["reaped"])


def begin(ledger: Ledger) -> None:
    """Some holders at work, and a reaper that has made its passes for more than a lease."""
    ledger.step("job_create", id="a", type="toy", priority=3, params="{}", total=100, attempts=1, backoff_ms=100)
    ledger.wait_for_disk()
    until = time.monotonic() + 1.5 * LEASE_S
    while time.monotonic() < until:
        assert reap(ledger) == 0
        time.sleep(0.05)
    for n in range(HOLDERS):
        assert ledger.step("lease_claim", job="a", ticket=n + 1, token=f"t{n}", **CLAIM).state == "lease"
    ledger.wait_for_disk()


@pytest.mark.parametrize("outage", [kill, freeze])
def test_an_outage_longer_than_a_lease_takes_nothing_from_anybody(
    server: PrivateValkey, ledger: Ledger, outage: Callable[[PrivateValkey, float], None]
) -> None:
    """
    After it nothing is reaped for a lease, even if the reaper is the first to come, and holders hand in what they have.
    """
    begin(ledger)
    outage(server, 1.5 * LEASE_S)
    back = time.monotonic()
    while time.monotonic() - back < 0.7 * LEASE_S:  # the reaper is quick, the holders are late
        assert reap(ledger) == 0
        time.sleep(0.05)
    for n in range(HOLDERS):
        assert ledger.step("lease_renew", token=f"t{n}").state == "ok"
    answers = [
        ledger.step("lease_commit", token=f"t{n}", seq=1, done=[[4 * n, 4 * n + 4]], jitter=0, close=True)
        for n in range(HOLDERS)
    ]
    assert [answer.state for answer in answers] == ["ok"] * HOLDERS
    assert server.client.hget(ledger.keys("job", "a"), "completed") == str(4 * HOLDERS).encode()


def test_those_who_really_died_are_reaped_after_the_grace(server: PrivateValkey, ledger: Ledger) -> None:
    """
    The lease of grace is one lease: then what nobody speaks for goes back to the job.
    """
    begin(ledger)
    kill(server, 1.5 * LEASE_S)
    back, reaped = time.monotonic(), 0
    while reaped < HOLDERS:
        assert time.monotonic() - back < 10 * LEASE_S, "nothing is reaped"
        reaped += reap(ledger)
        time.sleep(0.05)
    assert time.monotonic() - back >= LEASE_S - 0.1
    assert server.client.hget(ledger.keys("job", "a"), "in_hand") == b"0"


def test_a_step_waits_for_a_server_that_comes_back(server: PrivateValkey, ledger: Ledger) -> None:
    """
    A step has patience: the server is killed and brought back while it is being made; without patience it says so.
    """
    ledger.step("job_create", id="a", type="toy", priority=3, params="{}", total=1, attempts=1, backoff_ms=1)
    ledger.wait_for_disk()
    server.kill()
    with pytest.raises(StoreUnavailable):
        ledger.step("ticket_sent", patience_s=0.1, sent=[])
    server.start()
    assert ledger.step("lease_claim", patience_s=10, job="a", ticket=1, token="t", **CLAIM).state == "lease"


def test_the_private_server_keeps_what_its_file_has(server: PrivateValkey) -> None:
    """
    With an append-only file a server that was killed comes back with its data and another run id.
    """
    first = server.run_id()
    server.client.set("x", "1")
    server.client.waitaof(1, 0, 1000)
    server.restart()
    assert server.client.get("x") == b"1"
    assert server.run_id() != first
    server.freeze()
    asking = redis.Redis(
        unix_socket_path=str(server.folder / "socket"), socket_timeout=0.2, retry=Retry(NoBackoff(), 0)
    )
    with pytest.raises(redis.TimeoutError):
        asking.ping()
    asking.close()
    server.thaw()
    assert server.is_up()
    folder = server.folder
    server.stop()
    assert not folder.exists()
