"""Removal and return beside a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.systems import System
from tests.toys import Toy, calls


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path)
    yield made
    made.stop()


@pytest.mark.slow
def test_a_restored_job_runs_once_and_the_removed_ones_never(system, tmp_path):
    """
    Jobs are emptied while their tickets are in the broker; of those only the restored one is worked on, each item once.
    """
    log, queue = str(tmp_path / "calls"), system.queue
    jobs = [queue.add(Toy(ids=["a", "b", "c"], tag=f"{n}-", log=log)).record.id for n in range(5)]
    assert queue.empty() == 5
    restored = queue.restore(jobs[3])
    system.worker("w", ["toy"], children=1)
    restored.wait(60)
    after = queue.add(Toy(ids=["z"], log=log))
    after.wait(60)  # it stood behind all tickets of the removed jobs
    assert sorted(what for what, _, _ in calls(log)) == ["3-a", "3-b", "3-c", "z"]
    assert queue.remove(jobs[3]).status == "completed"
    back = queue.restore(jobs[3]).record
    assert (back.status, back.progress.completed) == ("completed", 3)
    assert {job.id for job in queue.jobs().items} == {jobs[3], after.record.id}
    assert queue.bin().total == 4
