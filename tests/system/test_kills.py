"""Outages of the server, and items that kill or hang their child; tests/chaos has faults of every kind at once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.toys import Toy, calls

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def _assert_exact(system: System, job_id: str, log: Path, items: int) -> Counter[str]:
    """Every item settled exactly once, one end; answers how often each was called."""
    job = system.queue.get(job_id).record
    assert (job.status.value, job.progress.completed, job.progress.failed) == ("completed", items, 0), job
    ledger = system.queue.ledger
    assert ledger.client.bitcount(ledger.keys("settled", job_id)) == items
    ends = [e for e in _events(system) if e.name == "job-completed" and e.job_id == job_id]
    assert len(ends) == 1
    called = Counter(what for what, _, _ in calls(log))
    assert len(called) == items
    return called


def _events(system: System) -> list:
    log = system.queue.event_log
    run, position, found = log.server_run(), "0-0", []
    while batch := log.read(position, run, block_ms=None):
        found += batch
        position = batch[-1].id.partition(".")[2]
    return found


def test_valkey_killed_in_the_middle(system: System, tmp_path: Path) -> None:
    """Valkey dies and comes back with its append-only file: the job goes on, and each item counts once."""
    system.worker("one", ["toy"])
    system.reconciler()
    system.ready("one")
    log = tmp_path / "calls"
    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(1500)], seconds=0.005, log=str(log)))
    for share in (300, 800):
        until(lambda share=share: len(calls(log)) >= share)
        system.valkey.kill()
        time.sleep(1.5)  # an outage has a length; nothing is waited for
        system.valkey.start()
    job.wait(90)
    called = _assert_exact(system, job.record.id, log, 1500)
    assert sum(called.values()) == 1500, "no worker was touched, so nothing is called again"
    assert system.processes["one"].poll() is None, system.log("one")[-3000:]


def test_valkey_away_for_longer_than_a_lease(system: System, tmp_path: Path) -> None:
    """With the server frozen for longer than a lease and no worker touched, nothing is called again."""
    system.worker("one", ["toy"])
    system.reconciler()
    system.ready("one")
    log = tmp_path / "calls"
    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(600)], seconds=0.01, log=str(log)))
    until(lambda: len(calls(log)) >= 100)
    system.valkey.freeze()
    time.sleep(system.settings.lease_s + 3)  # the length of the outage
    system.valkey.thaw()
    job.wait(90)
    called = _assert_exact(system, job.record.id, log, 600)
    assert sum(called.values()) == 600


def test_a_poison_item_fails_alone(system: System, tmp_path: Path) -> None:
    """An item that kills its child fails as poison after three deaths alone; its neighbours are done."""
    system.worker("one", ["toy"])
    system.reconciler()
    system.ready("one")
    log = tmp_path / "calls"
    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(20)], log=str(log), fail={"i7": ["kill"]}))
    job.wait(60)
    assert (job.progress.completed, job.progress.failed) == (19, 1)
    assert [(e.item_id, e.code) for e in job.progress.errors] == [("i7", "poison")]


def test_an_item_that_hangs_is_timed_out(system: System, tmp_path: Path) -> None:
    """A plain handler that never returns fails its item as timed_out and costs its child, nothing else."""
    system.worker("one", ["toy"])
    system.reconciler()
    system.ready("one")
    log = tmp_path / "calls"
    job = system.queue.add(Toy(ids=[f"i{n}" for n in range(10)], log=str(log), fail={"i3": ["hang", "ok"]}))
    job.wait(60)
    assert job.progress.completed == 10
    assert Counter(what for what, _, _ in calls(log))["i3"] == 2
