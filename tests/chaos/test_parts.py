"""The suite's own parts do what the account relies on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.system.systems import until
from vocaqueue.testing.valkey import PrivateValkey

from .accounting import Account, _of_calls
from .counter import Call, CountingServer, call
from .driver import Run
from .faults import Hit, Outage
from .plan import long_plan, short_plan
from .proxy import FaultProxy


@pytest.fixture
def proxy(valkey: PrivateValkey) -> Iterator[FaultProxy]:
    with FaultProxy(str(valkey.folder / "socket"), seed=1) as made:
        yield made


def client_of(proxy: FaultProxy) -> redis.Redis:
    return redis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0), socket_timeout=5)


def test_a_lost_reply_is_that_of_a_command_which_was_done(proxy: FaultProxy, valkey: PrivateValkey) -> None:
    """With replies lost the caller gets an error and the server has counted; with requests reset it has not."""
    key = "chaos:parts"
    valkey.client.delete(key)
    client = client_of(proxy)
    assert client.incr(key) == 1
    with proxy.losing(1.0), pytest.raises(redis.ConnectionError):
        client.incr(key)
    assert valkey.client.get(key) == b"2"
    with proxy.resetting(1.0), pytest.raises(redis.ConnectionError):
        client.incr(key)
    assert valkey.client.get(key) == b"2"
    before = client.client_id()
    proxy.reset_all()
    until(lambda: proxy.done["connections reset"] == 1)
    with suppress(redis.ConnectionError):  # or the client notices beforehand that it was cut
        client.ping()
    assert client.client_id() != before
    assert client.incr(key) == 3
    assert (proxy.done["replies lost"], proxy.done["requests reset"]) == (1, 1)
    valkey.client.delete(key)


def test_the_provider_counts_each_call(tmp_path: Any) -> None:
    """A call leaves its beginning and its end; a `busy` item is refused the first time only, a `bad` one always."""
    provider = CountingServer(tmp_path)
    answers = [call(provider.address, f"j/{name}", 0) for name in ("item-1", "busy-3", "busy-3", "bad-7", "bad-7")]
    assert answers == ["ok", "busy", "ok", "bad", "bad"]
    assert [(c.item, c.answer) for c in provider.calls()][1:3] == [("j/busy-3", "busy"), ("j/busy-3", "ok")]
    assert provider.at_work() == set()
    provider.stop()


@pytest.mark.parametrize("make", [lambda seed: long_plan(seed, 100, 10, 12), lambda seed: short_plan(seed, 10, 36, 12)])
def test_a_plan_is_a_function_of_its_seed(make: Any) -> None:
    """The same seed gives the same faults at the same times, another one others; every kind of fault is there."""

    def told(plan: Any) -> list[tuple[float, str]]:
        return [(at, fault.name) for line in plan.lines.values() for at, fault in line]

    assert told(make(1)) == told(make(1)) != told(make(2))
    names = {name.partition(" for ")[0] for _, name in told(make(1))}
    assert names >= {
        "a child killed", "a worker's main killed", "a worker's group killed", "a reconciler killed",
        "the relay killed", "a worker's group stopped", "Valkey killed and restarted", "Valkey frozen",
        "Valkey read-only", "Valkey without its replicas", "Valkey out of memory", "all connections reset",
        "requests reset", "replies lost after the command", "connections slow",
    }  # fmt: skip


SETTLED_2 = b"\x20"  #: the bit of item 2


def kill(pid: int, settled: bytes = b"") -> list[Hit]:
    return [Hit("kill", 100.0, frozenset({pid}), {"id": settled})]


def stop(pid: int, until_s: float) -> list[Hit]:
    return [Hit("stop", 100.0, frozenset({pid}), {}, until=until_s)]


@pytest.mark.parametrize(
    ("calls", "hits", "repeated", "in_hand", "explained"),
    [
        pytest.param([(1, 7, 99), (1, 8, 105)], kill(7), 1, 1, True, id="killed"),
        pytest.param([(1, 7, 99), (1, 8, 105)], kill(6), 1, 0, False, id="alive"),
        pytest.param([(2, 7, 99), (2, 8, 105)], kill(7, SETTLED_2), 1, 0, False, id="settled"),
        pytest.param([(1, 7, 99), (1, 8, 105)], stop(7, 116), 1, 1, True, id="stopped"),
        pytest.param([(1, 7, 99), (1, 8, 105)], stop(7, 103), 1, 0, False, id="not for long"),
        pytest.param([(1, 7, 99), (2, 7, 99)], kill(7), 0, 2, True, id="not repeated"),
        pytest.param([(1, 7, 199.8), (1, 8, 205)], [], 1, 0, True, id="forgotten"),
        pytest.param([(2, 7, 199.8), (2, 8, 205)], [], 1, 0, False, id="not forgotten"),
        pytest.param([(1, 7, 197), (1, 8, 205)], [], 1, 0, False, id="long written"),
    ],
)  # fmt: skip
def test_a_repeated_call_needs_a_reason(
    calls: list[tuple[int, int, float]], hits: list[Hit], repeated: int, in_hand: int, explained: bool
) -> None:
    """A call counts as explained only when the one before was made by a process that was hit with the item in hand."""
    found, run = Account(), Run(hits=hits, outages=[Outage(200.0, {"id": SETTLED_2})])
    real: Any = SimpleNamespace(jobs={"id": SimpleNamespace(id="id", fields={"params": '{"tag": "j"}'})})
    _of_calls(found, real, run, [Call(f"j/item-{i}", pid, at, at + 0.1, "ok") for i, pid, at in calls], lease_s=12)
    assert (found.repeated, found.in_hand, not found.unexplained) == (repeated, in_hand, explained)
