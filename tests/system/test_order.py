"""Who is served first: shown by the order in which handlers start, recorded in a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.toys import Toy, calls

from .systems import System, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_critical_job_overtakes_ten_thousand_items(system: System, tmp_path: Path) -> None:
    """A critical job behind a running job of 10,000 items and 50 waiting ones starts within one chunk."""
    system.worker("one", ["toy"])
    system.ready("one")
    log = str(tmp_path / "calls")
    big = system.queue.add(Toy(ids=[f"{n}" for n in range(10_000)], seconds=0.01, log=log, tag="normal-"))
    for _ in range(50):
        system.queue.add(Toy(ids=[f"{n}" for n in range(200)], seconds=0.01, log=log, tag="normal-"))
    until(lambda: len(calls(log)) > 50)
    before = len(calls(log))
    system.queue.add(Toy(ids=["it"], log=log, tag="critical-"), priority="critical").wait(30)
    what = [name for name, _, _ in calls(log)]
    times = [at for _, _, at in calls(log)]
    place = what.index("critical-it")
    # Two slots, each at most one time box of two seconds with items of 10 ms, and what a claim takes.
    assert times[place] - times[before] < 3.0
    assert Counter(name.split("-")[0] for name in what[before:place])["normal"] <= 500
    assert not system.queue.get(big.record.id).record.status.is_final


def test_ten_jobs_share_the_slots(system: System, tmp_path: Path) -> None:
    """Ten jobs of one priority take turns: none waits for another to end."""
    system.worker("one", ["toy"])
    system.ready("one")
    log = str(tmp_path / "calls")
    jobs = [
        system.queue.add(Toy(ids=[f"{n}" for n in range(300)], seconds=0.005, log=log, tag=f"j{k}-")) for k in range(10)
    ]
    for job in jobs:
        job.wait(60)
    owners = [name.split("-")[0] for name, _, _ in calls(log)]
    first = {owner: owners.index(owner) for owner in set(owners)}
    last = {owner: len(owners) - 1 - owners[::-1].index(owner) for owner in set(owners)}
    assert len(first) == 10
    assert max(first.values()) < min(last.values()), "every job had begun before any of them ended"
    print("\nfirst starts:", sorted(first.values()))
