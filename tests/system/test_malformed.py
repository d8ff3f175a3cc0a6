"""Messages that cannot be work: set aside once each, listed, and the workers go on."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import pytest

from tests.malformed import redis_messages
from tests.toys import Toy, calls
from vocaqueue.engine.aside import Aside

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOD = int(os.environ.get("VOCAQUEUE_GOOD_MESSAGES", "300"))
BAD = int(os.environ.get("VOCAQUEUE_BAD_MESSAGES", "118"))


def _list_key(system: System, queue: str) -> str:
    return f"{{{system.settings.namespace}}}:broker:{queue}"


def _all(system: System) -> list[Any]:
    first = system.queue.dead_letters(limit=100)
    pages = range(2, first.total_pages + 1)
    return first.items + [letter for page in pages for letter in system.queue.dead_letters(page=page, limit=100).items]


def test_malformed_messages_are_set_aside_and_the_workers_go_on(system: System, tmp_path: Any) -> None:
    """Bad messages among good ones: all the good ones are done, the workers live, each bad one is listed once."""
    rng = random.Random(3)
    kinds = redis_messages()
    bad = [kinds[n % len(kinds)] for n in range(max(BAD, len(kinds)))]
    log = tmp_path / "calls"
    # Each job is one message at least; there is no reconciler that could make good what a dead worker lost.
    jobs = [
        system.queue.add(Toy(ids=("a",), log=str(log), tag=f"{n}-"), priority=rng.choice(["high", "normal", "low"]))
        for n in range(GOOD)
    ]
    key = _list_key(system, "toy")
    for _, raw in rng.sample(bad, len(bad)):
        rng.choice([system.valkey.client.rpush, system.valkey.client.lpush])(rng.choice([key, f"{key}\x06\x166"]), raw)

    for name in ("one", "two"):
        system.worker(name, ["toy"])
    system.ready("one", "two")
    pids = {name: system.processes[name].pid for name in ("one", "two")}
    until(lambda: system.queue.dead_letters().total >= len(bad), 300, every_s=0.5)
    for job in jobs:
        job.wait(300)

    letters = _all(system)
    assert Counter(letter.reason for letter in letters) == Counter(reason for reason, _ in bad)
    assert system.queue.stats()["completed"] == GOOD
    assert Counter(Counter(what for what, _, _ in calls(log)).values()) == {1: GOOD}
    for name, pid in pids.items():
        assert system.processes[name].poll() is None
        assert system.processes[name].pid == pid
        assert "Traceback" not in system.log(name)
    said = sum(system.log(name).count("set aside a message") for name in pids)
    assert said == len(bad), "each is said once"
    assert {letter.worker.partition("@")[0] for letter in letters} <= set(pids)
    assert all(len(letter.raw) <= 4000 for letter in letters), "a huge one is listed by its beginning"
    assert system.valkey.client.llen(key) == 0


def test_broadcasts_that_cannot_be_read_are_dropped(system: System) -> None:
    """
    Control messages are not work: garbage among them ends no worker, which hears the next one, and answers commands.
    """
    system.worker("one", ["toy"])
    system.ready("one")
    client = system.valkey.client
    pid = system.processes["one"].pid
    topic = f"{{{system.settings.namespace}}}:broker:/0.celery.pidbox"
    for _, raw in redis_messages():
        # It listens a moment after it said that it is ready, and again a moment after Celery began its mailbox anew.
        until(lambda raw=raw: client.publish(topic, raw) == 1)
    app = system.queue._office.app
    until(lambda: app.control.ping(timeout=1), 60)
    system.queue.add(Toy(ids=["a"])).wait(30)
    assert (system.processes["one"].poll(), system.processes["one"].pid) == (None, pid)


def test_what_cannot_be_listed_at_once_is_listed_later(system: System) -> None:
    """With the ledger away a message is said and kept in memory; when it is back, it is listed, once."""
    aside = Aside(system.settings)
    aside.put("toy", "not_json", b"one")
    system.valkey.kill()
    for raw in (b"two", b"three"):
        aside.put("toy", "not_json", raw)
    system.valkey.restart()
    until(lambda: (aside.flush(), system.queue.dead_letters().total == 3)[1])
    aside.flush()
    assert [letter.raw for letter in system.queue.dead_letters().items] == ["three", "two", "one"]
