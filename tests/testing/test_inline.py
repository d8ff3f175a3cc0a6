"""What a host's tests are given: a queue of their own, and a worker inside the test's process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import toys
from tests.toys import JOB_TYPES, Bulk, Chatty, Parallel, Phased, Rated, Toy, Unloadable, calls
from vocaqueue import JobType, QueueManager
from vocaqueue.testing.inline import DoesNotEnd, InlineWorker

pytest_plugins = ["vocaqueue.testing.plugin"]


@pytest.fixture
def vocaqueue_job_types() -> tuple[JobType, ...]:
    return JOB_TYPES


def test_jobs_of_every_kind_end_in_this_process(
    vocaqueue_queue: QueueManager, inline_worker: InlineWorker, tmp_path: Path
) -> None:
    """Plain, async, planned with a result, and sets of items; each item once, by this very process."""
    log = str(tmp_path / "calls")
    ids = tuple(f"i{n}" for n in range(40))
    jobs = [
        vocaqueue_queue.add(Toy(ids=ids, log=log)),
        vocaqueue_queue.add(Parallel(ids=ids, log=log)),
        vocaqueue_queue.add(Bulk(ids=ids, log=log)),
        vocaqueue_queue.add(Phased(total=10, log=log)),
    ]
    assert inline_worker.run() > 0
    records = [job.refresh().record for job in jobs]
    assert [record.status for record in records] == ["completed"] * 4
    assert [record.progress.completed for record in records] == [40, 40, 40, 10]
    assert records[3].result == {"rows": 10}
    assert {pid for _, pid, _ in calls(log)} == {os.getpid()}
    assert len(calls(log)) == 3 * 40 + 10 + 2
    assert inline_worker.run() == 0


def test_a_try_after_a_back_off_is_waited_for(
    vocaqueue_queue: QueueManager, inline_worker: InlineWorker, tmp_path: Path
) -> None:
    """What fails for now is tried again, what fails for good is counted, and the job ends."""
    log = str(tmp_path / "calls")
    job = vocaqueue_queue.add(Toy(ids=["a", "b", "c"], log=log, fail={"a": ["retry", "ok"], "b": ["final"]}))
    inline_worker.run()
    progress = job.refresh().record.progress
    assert (progress.completed, progress.failed) == (2, 1)
    assert [what for what, _, _ in calls(log)].count("a") == 2


def test_rates_logs_and_refusals_are_those_of_a_real_worker(
    vocaqueue_queue: QueueManager, inline_worker: InlineWorker
) -> None:
    """A rated type ends within its rate, a job's own log is kept, code that cannot be loaded fails its job."""
    rated = vocaqueue_queue.add(Rated(ids=[f"i{n}" for n in range(12)]))
    chatty = vocaqueue_queue.add(Chatty(ids=["a"], lines=2))
    broken = vocaqueue_queue.add(Unloadable(ids=["a"]))
    inline_worker.run()
    assert rated.refresh().record.status == "completed"
    assert "line 2 of a" in [line.message for line in chatty.logs()]
    assert broken.refresh().record.error["code"] == "cannot_run"


def test_what_may_not_run_is_left_alone(vocaqueue_queue: QueueManager, inline_worker: InlineWorker) -> None:
    """A held type and a job for tomorrow do not keep `run` from ending."""
    vocaqueue_queue.pause_all("toy")
    held = vocaqueue_queue.add(Toy(ids=["a"]))
    later = vocaqueue_queue.add(Parallel(ids=["a"]), delay_s=86_400)
    assert inline_worker.run() == 0
    assert (held.refresh().record.status, later.refresh().record.status) == ("paused", "delayed")


def test_a_handler_can_be_patched(
    vocaqueue_queue: QueueManager, inline_worker: InlineWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test replaces is what runs."""
    seen: list[str] = []
    monkeypatch.setattr(toys.ToyHandler, "run", lambda _self, item, _ctx: seen.append(item.id) or toys.act("ok"))
    vocaqueue_queue.add(Toy(ids=["a", "b"]))
    inline_worker.run()
    assert sorted(seen) == ["a", "b"]


def test_a_handler_that_hangs_is_said_and_ends_no_process(
    vocaqueue_queue: QueueManager, inline_worker: InlineWorker, tmp_path: Path
) -> None:
    """Where a worker would end its child, the test gets an exception that names the job."""
    job = vocaqueue_queue.add(Toy(ids=["a"], log=str(tmp_path / "calls"), fail={"a": ["hang"]}))
    with pytest.raises(DoesNotEnd, match=job.record.id):
        inline_worker.run()
